// Functions of bytes only: error messages, processes in /proc, users, signal masks, mount attributes.

import Glibc
import Testing

@testable import Kernel

struct ValueTests {
    @Test(arguments: [
        (ENOENT, "no such file or directory"), (EPERM, "operation not permitted"), (EINVAL, "invalid argument"),
        (ENODEV, "no such device"), (EROFS, "read-only file system"), (ENOSPC, "no space left on device"),
        (ENOTDIR, "not a directory"), (EIO, "input/output error"), (E2BIG, "argument list too long"),
        (ENOEXEC, "exec format error"), (ESRCH, "no such process"), (9999, "unknown error 9999"),
    ])
    func `an error's message is the kernel's, in lower case`(code: Int32, word: String) {
        #expect(Errno(rawValue: code).message == word)
    }

    @Test func `a refused call throws the kernel's error at once`() {
        #expect(throws: Errno.badFileDescriptor) { try checked { fcntl(-1, F_GETFD) } }
        #expect(throws: Errno.noSuchFileOrDirectory) { try readFile("/proc/self/no-such-file") }
    }

    private func stat(_ command: String, state: String = "S") -> [UInt8] {
        let rest = (4...52).map { $0 == 22 ? "123456" : String($0) }.joined(separator: " ")
        return Array("42 (\(command)) \(state) \(rest)\n".utf8)
    }

    @Test(arguments: [
        "sh", "", ")", "(", "a b", "x) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 99", ") (", "((()",
    ])
    func `a command with any characters does not confuse the parser of stat`(command: String) throws {
        let facts = try #require(ProcessStat(stat: stat(command)))
        #expect(facts.state == UInt8(ascii: "S"))
        #expect(facts.parent == 4)
        #expect(facts.startTime == 123_456)
        #expect(!facts.hasEnded)
    }

    @Test(
        arguments: [
            // Made and looked at on the host; by another process with the number.
            (123_456, 0, 123_456, true), (123_458, 0, 123_456, false), (123_454, 0, 123_456, false),
            // Looked at in a time namespace: ahead, behind, by a part of a tick, and by less than a tick.
            (123_456 + 8_640_000, 86_400_000_000_000, 123_456, true), (123_456, 86_400_000_000_000, 123_456, false),
            (23_456, -1_000_000_000_000, 123_456, true), (123_457, 15_000_000, 123_456, true),
            (123_456, 4_000_000, 123_456, true),
            // The process is older than the clock of its reader.
            (UInt64.max / 10_000_000 - 100, -1_235_560_000_000, 123_456, true),
            (UInt64.max / 10_000_000 - 100, -1_235_560_000_000, 123_460, false),
        ] as [(UInt64, Int64, UInt64, Bool)])
    func `a process is known by its start time in every time namespace`(
        shown: UInt64, offset: Int64, recorded: UInt64, isSame: Bool
    ) throws {
        var facts = try #require(ProcessStat(stat: stat("sh")))
        facts.startTime = shown
        #expect(facts.hasStarted(at: recorded, offset: offset) == isSame)
    }

    @Test func `the offset of the boot clock is read in nanoseconds`() {
        #expect(
            bootClockOffset(inOffsets: "monotonic           5         0\nboottime           -3 500000000\n")
                == -2_500_000_000)
        #expect(bootClockOffset(inOffsets: "boottime       86400         0\n") == 86_400_000_000_000)
        #expect(bootClockOffset(inOffsets: "monotonic           5         0\n") == nil)
        #expect(bootClockOffset(inOffsets: "boottime       x         0\n") == nil)
    }

    @Test func `a zombie has ended, a stopped process has not`() {
        #expect(ProcessStat(stat: stat("sh", state: "Z"))?.hasEnded == true)
        #expect(ProcessStat(stat: stat("sh", state: "X"))?.hasEnded == true)
        #expect(ProcessStat(stat: stat("sh", state: "T"))?.hasEnded == false)
    }

    @Test(arguments: ["", "42", "42 (sh", "42 (sh) S 1", "42 (sh) S x 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"])
    func `a broken stat gives no facts`(text: String) { #expect(ProcessStat(stat: Array(text.utf8)) == nil) }

    @Test func `a process has the facts of its stat, and none after its end`() throws {
        let facts = try #require(try processStat(getpid()))
        #expect(facts.parent == getppid())
        #expect(facts.startTime > 0)
        #expect(try processStat(Int32.max) == nil)
    }

    @Test func `the termination status is the one that a shell reports`() {
        #expect(TerminationStatus(waitStatus: 0) == .exited(0))
        #expect(TerminationStatus(waitStatus: 3 << 8) == .exited(3))
        #expect(TerminationStatus(waitStatus: 9) == .signalled(9))
        #expect(TerminationStatus(waitStatus: 11 | 0x80) == .signalled(11))
        #expect(TerminationStatus.exited(3).shellStatus == 3)
        #expect(TerminationStatus.signalled(9).shellStatus == 137)
    }

    private let passwd = Array(
        """
        root:x:0:0:root:/root:/bin/sh
        1000:x:0:0:a name of digits:/tmp:/bin/sh
        nohome:x:7:7:::/bin/sh
        short:x:8:8
        web:x:1000:1000::/home/web:/bin/sh
        web2:x:1000:1000::/home/other:/bin/sh
        last:x:4294967294:0::/last:/bin/sh
        """.utf8)

    @Test(
        arguments: [
            (0, "/root"), (1000, "/home/web"), (7, nil), (8, nil), (9, nil), (4_294_967_294, "/last"),
        ] as [(UInt32, String?)])
    func `a home belongs to the first user with the uid, never to a user name`(uid: UInt32, home: String?) {
        #expect(homeDirectory(of: uid, passwd: passwd) == home)
    }

    @Test func `the bit of a signal in a mask is its number less one`() {
        let mask = SignalMask.none.adding(.child).adding(Signal(rawValue: 64))
        #expect(mask == SignalMask(rawValue: 1 << 16 | 1 << 63))
    }

    @Test func `of two changes of a mount's attribute the later one wins`() {
        var change = AttributeChange(set: [.readOnly, .noExec])
        change.merge(AttributeChange(clear: .readOnly))
        change.merge(AttributeChange(set: .noSuid))
        #expect(change == AttributeChange(set: [.noExec, .noSuid], clear: .readOnly))
        change.merge(AttributeChange(set: .readOnly))
        #expect(change == AttributeChange(set: [.noExec, .noSuid, .readOnly]))
        #expect(!change.isEmpty)
        #expect(AttributeChange().isEmpty)
    }

    @Test func `of two access-time options only one is set`() {
        var change = AttributeChange(set: .noAtime)
        change.merge(AttributeChange(set: .strictAtime))
        #expect(change == AttributeChange(set: .strictAtime))
        change.merge(AttributeChange(clear: .atimeField))
        #expect(change == AttributeChange(clear: .atimeField))
    }

    @Test func `a namespace set names its kinds`() {
        let set: NamespaceSet = [NamespaceSet(.pid), NamespaceSet(.uts)]
        #expect(set.kinds == [.pid, .uts])
        #expect(set.contains(.uts))
        #expect(!set.contains(.user))
    }
}
