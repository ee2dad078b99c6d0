// Addresses of streams.

import Kernel
import OCISpec
import Testing

@testable import Shim

@Suite struct StreamRequestTests {
    @Test func `plain paths and fifo addresses are paths`() throws {
        #expect(try StreamDestination("") == .paths)
        #expect(try StreamDestination("/run/fifo/x") == .paths)
        #expect(try StreamDestination("fifo:///run/fifo/x") == .paths)
        #expect(try StreamDestination.path(of: "fifo:///run/a%20b", "stdin") == "/run/a b")
        #expect(try StreamDestination.path(of: "/run/a%20b", "stdin") == "/run/a%20b")
    }

    @Test func `a file address names the file`() throws {
        #expect(try StreamDestination("file:///var/log/a%2Fb?x=y") == .file("/var/log/a/b"))
    }

    @Test func `a logger gets its query as arguments, keys and values in turn`() throws {
        #expect(
            try StreamDestination("binary:///usr/bin/log?id=a+b&flag&path=%2Ftmp")
                == .logger(
                    executable: "/usr/bin/log", arguments: ["id", "a b", "flag", "", "path", "/tmp"],
                    mustReport: false))
        #expect(
            try StreamDestination("binary-v2:///l") == .logger(executable: "/l", arguments: [], mustReport: true))
    }

    @Test(
        arguments: [
            ("", []), ("flag", ["flag", ""]), ("id=&name=web", ["id", "", "name", "web"]), ("a=b=c", ["a", "b=c"]),
            ("x=1&y=2&x=3", ["x", "1", "y", "2"]), ("x&x=1", ["x", ""]), ("=v", ["", "v"]), ("&&a=1&", ["a", "1"]),
            ("%61=1&a=2", ["a", "1"]), ("e=\u{301}&e\u{301}=1", ["e", "\u{301}", "e\u{301}", "1"]),
        ] as [(String, [String])])
    func `a logger gets each key with its first value, which may be empty`(query: String, arguments: [String]) throws {
        let destination = try StreamDestination("binary:///l?" + query)
        guard case .logger(_, let found, _) = destination else {
            Issue.record("\(destination)")
            return
        }
        #expect(found.map { Array($0.utf8) } == arguments.map { Array($0.utf8) })
    }

    @Test(arguments: ["/a\0b", "fifo:///a%00b"])
    func `a path that the kernel would cut short is refused`(address: String) {
        #expect(throws: ShimFailure("stdin \(address.quoted): it holds a zero byte")) {
            try StreamDestination.path(of: address, "stdin")
        }
    }

    @Test func `bytes of a logger's arguments are its own`() throws {
        #expect(
            try StreamDestination("binary:///l?a=%ff&b=c+\u{301}d")
                == .logger(
                    executable: "/l", arguments: ["a", RawText.text([0xff]), "b", "c \u{301}d"], mustReport: false))
    }

    @Test(
        arguments: [
            ("file://relative", "stdout file://relative: the path must be absolute"),
            ("binary://", "stdout binary://: the path must be absolute"),
            ("ttrpc+unix:///s?streaming_id=1", "stdout ttrpc+unix:///s?streaming_id=1: unknown scheme ttrpc+unix"),
            ("file:///a%00b", #"stdout "file:///a%00b": it holds a zero byte"#),
            ("binary:///a%00b", #"stdout "binary:///a%00b": it holds a zero byte"#),
            ("binary:///a?b=%00", #"stdout "binary:///a?b=%00": it holds a zero byte"#),
        ])
    func `other addresses are refused`(address: String, problem: String) {
        #expect(throws: ShimFailure(problem)) { try StreamDestination(address) }
    }
}
