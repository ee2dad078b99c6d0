// Reading and writing through descriptors, sockets with descriptors, and the directories of the system.

import Foundation
import Glibc
import Testing

@testable import Kernel

struct FileTests {
    @Test func `a descriptor is closed with its owner, but not after it was relinquished`() throws {
        var number: Int32 = -1
        do {
            let owned = try OwnedDescriptor.open("/dev/null")
            number = owned.relinquish()
        }
        #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        close(number)
        // Other threads open files too, so the test checks that this descriptor's device is no longer open.
        let pair = try SocketPair()
        let inode = try fileStatus(pair.first.rawValue).inode
        let copy = pair.first.rawValue
        _ = consume pair
        #expect((try? fileStatus(copy).inode) != inode)
    }

    @Test func `everything is read, however long, up to the limit`() throws {
        // Obeys TMPDIR: not every filesystem has files without a name.
        let temporary = FileManager.default.temporaryDirectory.path
        let file = try OwnedDescriptor.open(temporary, [.readWrite, .temporary], mode: 0o600)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try writeAll(bytes[...], to: file.rawValue)
        lseek(file.rawValue, 0, SEEK_SET)
        #expect(try readAll(file.rawValue) == bytes)
        lseek(file.rawValue, 0, SEEK_SET)
        #expect(throws: Errno(rawValue: EFBIG)) { try readAll(file.rawValue, limit: 99_999) }
    }

    @Test func `a directory has all its entries, without "." and ".."`() throws {
        let folder = "/tmp/kernel-tests.\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        mkdir(folder, 0o700)
        mkdir(folder + "/sub", 0o700)
        let names = (0..<500).map { "file-with-a-rather-long-name-\($0)" }
        for name in names { try Data().write(to: URL(filePath: "\(folder)/\(name)")) }
        let directory = try OwnedDescriptor.open(folder, [.readOnly, .directory])
        let entries = try directoryEntries(directory.rawValue)
        #expect(entries.map(\.name).sorted() == (names + ["sub"]).sorted())
        #expect(entries.filter(\.isDirectory).map(\.name) == ["sub"])
    }

    @Test func `a message arrives whole, with its descriptor`() throws {
        let pair = try SocketPair()
        let null = try OwnedDescriptor.open("/dev/null")
        try sendMessage(pair.first.rawValue, [1, 2, 3], descriptor: null.rawValue)
        try sendMessage(pair.first.rawValue, [4])
        var first = try receiveMessage(pair.second.rawValue)
        #expect(first.bytes == [1, 2, 3])
        let number = first.descriptor.take()?.relinquish() ?? -1
        #expect(try fileStatus(number).isCharacterDevice(1, 3))
        #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        close(number)
        var second = try receiveMessage(pair.second.rawValue)
        #expect(second.bytes == [4])
        let none = second.descriptor.take()?.relinquish()
        #expect(none == nil)
    }

    @Test func `the end of a conversation is an empty message`() throws {
        var pair = try SocketPair()
        pair.first = try OwnedDescriptor.open("/dev/null")
        #expect(try receiveMessage(pair.second.rawValue).bytes == [])
    }

    @Test func `the last messages of a peer that leaves one unread arrive all the same`() throws {
        var pair = try SocketPair()
        try sendMessage(pair.second.rawValue, [1])
        try sendMessage(pair.first.rawValue, [2])
        pair.first = try OwnedDescriptor.open("/dev/null")
        #expect(try receiveMessage(pair.second.rawValue).bytes == [2])
        #expect(try receiveMessage(pair.second.rawValue).bytes == [])
    }

    @Test func `the null device is the one with its numbers`() throws {
        #expect(try fileStatus(at: "/dev/null").isCharacterDevice(1, 3))
        #expect(try !fileStatus(at: "/dev/zero").isCharacterDevice(1, 3))
        #expect(try fileStatus(at: "/dev/zero").majorNumber == 1)
        #expect(try fileStatus(at: "/dev/zero").minorNumber == 5)
        #expect(try !fileStatus(at: "/proc/version").isCharacterDevice(1, 3))
    }

    @Test func `a filesystem is identified by its magic number`() throws {
        #expect(try filesystem(at: "/proc").magic == FilesystemMagic.proc)
        let own = try OwnedDescriptor.open("/proc/self")
        #expect(try filesystem(of: own.rawValue).magic == FilesystemMagic.proc)
    }

    @Test func `a pidfd can be waited for, and is not readable while the process lives`() throws {
        let own = try openProcess(getpid())
        #expect(try !waitUntilReadable(own.rawValue, milliseconds: 0))
        #expect(throws: Errno.noSuchProcess) { _ = try openProcess(Int32.max).rawValue }
    }

    @Test func `the threads of this process are counted`() { #expect(threadCount() > 1) }
}
