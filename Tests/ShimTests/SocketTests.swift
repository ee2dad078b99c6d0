// The name of a shim's socket, and which process serves it.

import Glibc
import Kernel
import Testing

@testable import Shim

@Suite struct SocketTests {
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000),
                "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
            ),
        ]) func `SHA-256 gives the standard's digests`(text: String, digest: String)
    {
        #expect(SHA256.hexDigest(of: text) == digest)
    }

    @Test func `every length around a block boundary ends in one block or two`() {
        let digests = Set((50...130).map { SHA256.hexDigest(of: String(repeating: "x", count: $0)) })
        #expect(digests.count == 81)
    }

    @Test func `a socket is named after containerd, namespace and group`() throws {
        let socket = try ShimSocket(
            directory: nil, containerd: "/run/containerd/containerd.sock", namespace: "default", group: "s1",
            isDebug: false)
        let digest = SHA256.hexDigest(of: "/run/containerd/containerd.sock/default/s1")
        #expect(socket.path == "/run/containerd/s/" + digest)
        #expect(socket.address == "unix:///run/containerd/s/" + digest)
    }

    @Test func `a directory with too long a name is refused`() {
        let directory = "/" + String(repeating: "d", count: 42)
        #expect(throws: ShimFailure("socket directory \(directory): longer than 42 bytes")) {
            try ShimSocket(directory: directory, containerd: "", namespace: "n", group: "g", isDebug: false)
        }
    }

    @Test func `the socket is claimed once, then found served, and a dead one is replaced`() throws {
        try withTemporaryDirectory { directory in
            let socket = try ShimSocket(
                directory: directory + "/s", containerd: "", namespace: "n", group: "g", isDebug: false)
            let first = try socket.claim()
            let second = try socket.claim()
            let isFirst = first != nil
            let isSecond = second != nil
            #expect(isFirst)
            #expect(!isSecond)
            _ = consume first
            let third = try socket.claim()
            let isThird = third != nil
            #expect(isThird)
        }
    }
}

/// A directory for one test.
func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/shim-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { removeTree(directory) }
    try body(directory)
}

private func removeTree(_ path: String) {
    if unlink(path) == 0 { return }
    for name in names(inDirectory: path) { removeTree(path + "/" + name) }
    rmdir(path)
}
