// The messages, byte by byte: samples are what CRIU itself was seen to send and to take.

import Kernel
import Testing

@testable import Criu

private func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { $0 != " " }
    return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
    }
}

@Suite struct WireTests {
    @Test func requestsAreWhatCriuTakes() {
        #expect(Request(.version).bytes == bytes("080a"))
        #expect(Request.answer(true).bytes == bytes("0806 1801"))
        #expect(Request.answer(false).bytes == bytes("0806 1800"))
        var check = RequestOptions()
        (check.imagesDirectory, check.workDirectory, check.logFile) = (3, 3, "x")
        #expect(Request(.check, options: check).bytes == bytes("0803 1208 0803 5201 78 8801 03"))
        var features = Request(.featureCheck)
        features.features = KernelFeatures(tracksMemory: true, hasLazyPages: true)
        #expect(features.bytes == bytes("0809 2a04 0801 1001"))
        var kept = Request(.version)
        kept.keepsOpen = true
        #expect(kept.bytes == bytes("080a 2001"))
    }

    @Test func aNegativeNumberTakesTenBytes() {
        #expect(Request(.dump, options: RequestOptions()).bytes == bytes("0801 120b 08 ffffffffffffffffff01"))
    }

    // runc once took `ignore`, which is zero, for a mode that is not given.
    @Test func theModeIgnoreIsWritten() {
        var options = RequestOptions()
        (options.imagesDirectory, options.cgroupsMode) = (3, .ignore)
        #expect(Request(.dump, options: options).bytes == bytes("0801 1208 0803 c00101 900200"))
        options.cgroupsMode = nil
        #expect(Request(.dump, options: options).bytes == bytes("0801 1202 0803"))
    }

    @Test(
        "a field has the number that criu_opts gives it",
        arguments: [
            ("1001", 2), ("1801", 3), ("2001", 4), ("2801", 5), ("3001", 6), ("3801", 7), ("4001", 8), ("4804", 9),
            ("520178", 10), ("5a0508 0012 00", 0),
        ].filter { $0.1 != 0 })
    func fieldNumbers(hex: String, field: Int) {
        var options = RequestOptions()
        options.imagesDirectory = 3
        switch field {
        case 2: options.pid = 1
        case 3: options.leavesRunning = true
        case 4: options.allowsExternalSockets = true
        case 5: options.keepsConnections = true
        case 6: options.isEvasiveAboutDevices = true
        case 7: options.isShellJob = true
        case 8: options.keepsFileLocks = true
        case 9: options.logLevel = 4
        default: options.logFile = "x"
        }
        let inner = bytes("0803" + hex)
        #expect(Request(.dump, options: options).bytes == [0x08, 0x01, 0x12, UInt8(inner.count)] + inner)
    }

    @Test func messagesInMessages() {
        var options = RequestOptions()
        options.imagesDirectory = 3
        options.externalMounts = [KeyedPath(key: "/a", value: "/b")]
        options.inherited = [KeyedDescriptor(key: "p", number: 1)]
        options.joinedNamespaces = [KeyedPath(key: "uts", value: "/n")]
        options.cgroupRoots = [(controllers: nil, path: "/c")]
        options.pageServer = PageServer(address: "::", port: 7)
        options.networkLock = .skip
        let expected =
            "0803 5a06 0a023a3a 1007 ba0108 0a022f61 12022f62 ca0104 12022f63 da0105 0a0170 1001"
            + " ba0209 0a03757473 12022f6e 800403"
        let inner = bytes(expected)
        #expect(Request(.restore, options: options).bytes == [0x08, 0x02, 0x12, UInt8(inner.count)] + inner)
    }

    @Test func versionsAreRead() throws {
        let new = try Response(bytes("080a 1001 5206 0804 1001 2001"))
        #expect(new.version == CriuVersion(4, 1, 1))
        #expect(new.version?.description == "4.1.1")
        let old = try Response(bytes("080a 1001 5206 0803 1011 2001"))
        #expect(old.version == CriuVersion(3, 17, 1))
        #expect(CriuVersion(3, 17, 1) < CriuVersion(3, 19) && CriuVersion(3, 19) < CriuVersion(4, 1, 1))
    }

    @Test func aBuildBetweenTwoVersionsCountsAsTheNext() throws {
        let response = try Response(bytes("080a 1001 520b 0804 1002 1a0376312d 2003"))
        #expect(response.version == CriuVersion(4, 3))
    }

    @Test func answersAreRead() throws {
        let features = try Response(bytes("0809 1001 4206 0800 1001 1801"))
        #expect(features.features == KernelFeatures(tracksMemory: false, hasLazyPages: true))
        let restored = try Response(bytes("0802 1001 2203 08f02e"))
        #expect(restored.succeeded && restored.restoredPid == 6000)
        let refused = try Response(bytes("0801 1000 3838 4a0378797a"))
        #expect(!refused.succeeded && refused.errorNumber == 56 && refused.errorMessage == "xyz")
    }

    @Test func notificationsAreRead() throws {
        let text = Array("post-restore".utf8)
        let packet = bytes("0806 1001 2a10 0a0c") + text + bytes("1005")
        let response = try Response(packet)
        #expect(response.isAnswer(to: .notify))
        #expect(response.notification?.moment == .postRestore)
        #expect(response.notification?.pid == 5)
        let unknown = try Response(bytes("0806 1001 2a03 0a0178"))
        #expect(unknown.notification?.moment == nil)
    }

    @Test(
        "what is no message is told so, and never read beyond its end",
        arguments: ["", "08", "080a", "0880", "12ff", "080a1001 4a05 78", "0f", "08ffffffffffffffffffff01 1001"])
    func brokenMessages(hex: String) {
        #expect(throws: WireError.self) { try Response(bytes(hex)) }
    }

    @Test func everyCutOfAMessageIsNoMessageOrAShorterOne() {
        let whole = bytes("080a 1001 5206 0804 1001 2001")
        for length in 0..<whole.count {
            let cut = try? Response(Array(whole[..<length]))
            #expect(cut == nil || cut?.version == nil)
        }
    }

    @Test func whatIsNotKnownIsPassedOver() throws {
        let packet = bytes("080a 1001 31 0000000000000000 3d 00000000 d20f0101") + bytes("5206 0804 1001 2001")
        #expect(try Response(packet).version == CriuVersion(4, 1, 1))
    }
}

@Suite struct ConversationTests {
    private struct Speech: ~Copyable {
        let conversation: Conversation
        let other: OwnedDescriptor

        init(_ replies: [[UInt8]]) throws {
            let pair = try SocketPair()
            for reply in replies { try sendMessage(pair.second.rawValue, reply) }
            other = try pair.second.duplicated()
            conversation = Conversation(pair.takeFirst())
        }
    }

    @Test func momentsAreAnsweredUntilTheResponse() throws {
        let moment = bytes("0806 1001 2a0d 0a09") + Array("post-dump".utf8) + bytes("1005")
        let speech = try Speech([moment, moment, bytes("0801 1001")])
        var seen: [Notification.Moment?] = []
        func notified(_ notification: Criu.Notification, _: inout OwnedDescriptor?) -> Bool {
            seen.append(notification.moment)
            return seen.count == 1
        }
        let response = try speech.conversation.ask(Request(.version), notified: notified)
        #expect(response.succeeded)
        #expect(seen == [.postDump, .postDump])
        #expect(try receiveMessage(speech.other.rawValue).bytes == bytes("080a"))
        #expect(try receiveMessage(speech.other.rawValue).bytes == bytes("0806 1801"))
        #expect(try receiveMessage(speech.other.rawValue).bytes == bytes("0806 1800"))
    }

    @Test func anEndWithoutAnAnswerIsAnError() throws {
        let pair = try SocketPair()
        let conversation = Conversation(pair.takeFirst())
        #expect(throws: ConversationError.ended) { _ = try conversation.ask(Request(.version)) }
    }

    @Test func nonsenseIsAnError() throws {
        let speech = try Speech([bytes("ff")])
        #expect(throws: ConversationError.self) { _ = try speech.conversation.ask(Request(.version)) }
    }
}

@Suite struct ComplaintTests {
    @Test func theFirstComplaintIsTheCause() {
        let log = """
            (00.000010) Error (criu/util.c:12): RLIMIT_NOFILE: can't raise
            (00.000900)      1: mnt: Mount is ready
            (00.001000) Error (criu/files-reg.c:1817): Can't lookup mount=24 for fd=1 path=/tmp/out
            (00.001100) Error (criu/cr-dump.c:1635): Dump files (pid: 7) failed with -1
            """
        let complaint = Complaint(log: Array(log.utf8))
        #expect(complaint?.text == "Can't lookup mount=24 for fd=1 path=/tmp/out")
        #expect(complaint?.hint == "a descriptor leads to a file outside of the container")
    }

    @Test(arguments: ["", "(00.1) all is well", "(00.1) Error (criu/x.c:1", "Error (criu/x.c:1): \n"])
    func aLogWithoutOne(log: String) { #expect(Complaint(log: Array(log.utf8)) == nil) }

    @Test(arguments: [
        ("Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE for self\n", ""),
        ("(00.1) Error (criu/mount.c:1094): mnt: bad\n", "mnt: bad"), ("no memory", "no memory"), ("", ""),
    ])
    func theAnswerSaysItInTheSameWords(message: String, text: String) {
        #expect(Complaint(message: message)?.text ?? "" == text)
    }

    @Test func harmlessOnesAreNone() {
        #expect(Complaint(log: Array("(0) Error (criu/cgroup.c:1): cgroupd: recv req error: x".utf8)) == nil)
    }
}

@Suite struct SeccompImageTests {
    private static let heads = ["19435654 49304164", "49304164"]

    @Test(arguments: heads)
    func aChainBeginsWithAFilterThatFollowsNone(head: String) throws {
        // Two filters of one instruction, of which the second follows the first, and one of another process.
        let filters = bytes(
            "0a0c 0a08 0600000000000500 1801 0a0c 0a08 0600000000000600 1000 0a0a 0a08 0600000000000700")
        let image = try SeccompImage(bytes(head) + [UInt8(filters.count), 0, 0, 0] + filters)
        #expect(image.first == [bytes("0600000000000500"), bytes("0600000000000700")])
    }

    @Test(arguments: [
        "", "19435654", "19435654 49304164", "19435654 49304164 05000000 0a00", "00000000 49304164 00000000",
        // A filter that is a number, one without a program, one that follows itself, and one that follows a later one.
        "19435654 49304164 02000000 0801", "19435654 49304164 04000000 0a02 1800",
        "19435654 49304164 06000000 0a04 0a00 1000", "19435654 49304164 06000000 0a04 0a00 1005",
    ])
    func aDamagedFileIsAnError(image: String) {
        #expect(throws: WireError.self) { _ = try SeccompImage(bytes(image)) }
    }
}
