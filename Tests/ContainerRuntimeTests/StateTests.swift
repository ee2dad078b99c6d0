// State of containers: the record, its directory, its lock.

import Cgroups
import Foundation
import Glibc
import Kernel
import OCISpec
import Testing

@testable import ContainerRuntime

extension ContainerRecord {
    static func sample(id: String = "web") -> ContainerRecord {
        var record = ContainerRecord(
            id: id, ociVersion: "1.3.0", bundle: "/bundle", rootfs: "/bundle/rootfs",
            created: "2026-01-02T03:04:05.000000006Z", owner: 1000,
            cgroup: CgroupLocation(
                driver: .systemd, hierarchy: .hybrid,
                directories: [
                    CgroupDirectory(controllers: ["cpu", "cpuacct"], mount: "/sys/fs/cgroup/cpu", path: "/web"),
                    CgroupDirectory(
                        controllers: ["unified"], mount: "/sys/fs/cgroup/unified", path: "/a/web", inode: .max),
                ], unit: "web.scope", isUserUnit: true),
            namespaces: NamespaceKind.pid.cloneFlag | NamespaceKind.time.cloneFlag,
            annotations: ["a\"b": "c\nd", "": ""])
        record.createdNamespaces = NamespaceKind.pid.cloneFlag
        record.pid = 4_194_304
        record.startTime = .max
        record.isReady = true
        record.mountBelowRoot = 27
        record.hasSeccomp = true
        record.execNeedsConfig = true
        record.hasPoststartHooks = true
        record.hasPoststopHooks = true
        return record
    }
}

struct ContainerRecordTests {
    @Test func `a record is read as it was written`() throws {
        let record = ContainerRecord.sample()
        #expect(try ContainerRecord(json: record.json()) == record)
    }

    @Test func `an almost empty record is read as it was written`() throws {
        let record = ContainerRecord(
            id: "a", ociVersion: "1.0.0", bundle: "/", rootfs: "/r", created: "now", owner: 0,
            cgroup: .none(.unified), namespaces: 0, annotations: [:])
        #expect(try ContainerRecord(json: record.json()) == record)
        #expect(record.pid == 0)
        #expect(!record.creates(.pid))
    }

    @Test func `a record of an earlier version is one of a container that is ready`() throws {
        let text = """
            {"id":"a","ociVersion":"1.3.0","bundle":"/b","rootfs":"/b/rootfs","pid":7,"startTime":8,"created":"now",\
            "owner":0,"cgroup":{"driver":"cgroupfs","hierarchy":"hybrid","directories":[{"controllers":["pids"],\
            "mount":"/sys/fs/cgroup/pids","path":"/a"}]},"namespaces":0}
            """
        let record = try ContainerRecord(record: Array(text.utf8))
        #expect(record.isReady && record.pid == 7 && record.cgroup.directories.count == 1)
    }

    /// Records in which each key is present, absent, or unusual.
    static let samples: [ContainerRecord] = {
        var plain = ContainerRecord.sample()
        plain.cgroup = .none(.unified)
        plain.annotations = [:]
        plain.mountBelowRoot = nil
        plain.isReady = false
        plain.hasSeccomp = false
        var full = ContainerRecord.sample()
        full.initIdentity = 77
        full.resourceGroups = ["a", "a/mon_groups/b"]
        full.resourceGroupInodes = [1, .max]
        full.mountOfRoot = 1 << 40
        full.movedRoot = FileIdentity(device: 7, inode: .max)
        full.bundleDirectory = FileIdentity(device: 1, inode: 1 << 50)
        full.oomScoreAdj = -1000
        full.criu = 4711
        full.criuStartTime = 1 << 40
        full.annotations["k"] = #"{"json": "\\"}"#
        var odd = full
        odd.bundle = "/ä\u{202e}\u{10ff80}"
        odd.annotations = ["t": "\t", "é": "\u{7f}"]
        return [.sample(), plain, full, odd]
    }()

    @Test(arguments: samples)
    func `the fast reader and the general reader give the same record`(record: ContainerRecord) throws {
        #expect(try ContainerRecord(record: record.json()) == record)
        if record.bundle == "/bundle" { #expect(ContainerRecord.usual(record.json()) == record) }
    }

    @Test(arguments: samples)
    func `the fast reader leaves every malformed record to the general one`(record: ContainerRecord) throws {
        let json = record.json()
        var variants = json.indices.map { Array(json[..<$0]) } + [json + [0x20], json + json]
        for index in json.indices {
            for byte in Array("\"\\,:{}[]-0129eE. x\n".utf8) + [0, 0x7f, 0xc3, 0xff] where byte != json[index] {
                var changed = json
                changed[index] = byte
                variants.append(changed)
            }
            variants.append(Array(json[..<index] + json[(index + 1)...]))
        }
        for variant in variants {
            guard let read = ContainerRecord.usual(variant) else { continue }
            let text = String(decoding: variant, as: UTF8.self)
            #expect((try? ContainerRecord(json: variant)) == read, "\(text)")
        }
    }

    @Test func `a namespace that was joined is not the container's own`() {
        let record = ContainerRecord.sample()
        #expect(record.creates(.pid))
        #expect(!record.creates(.time))
    }

    @Test(arguments: [
        ("{}", "ready: is required"),
        ("[]", "expected an object, found an array"),
        ("", "expected a JSON document, found nothing"),
    ])
    func `a broken record is refused`(json: String, problem: String) {
        #expect(throws: InvalidSpec.self) { try ContainerRecord(json: Array(json.utf8)) }
    }

    @Test func `an unknown driver or hierarchy is refused`() {
        for (word, problem) in [
            ("\"systemd\"", "cgroup.driver: unknown driver \"x\""),
            ("\"hybrid\"", "cgroup.hierarchy: unknown hierarchy \"x\""),
        ] {
            let text = String(decoding: ContainerRecord.sample().json(), as: UTF8.self)
                .replacingOccurrences(of: word, with: "\"x\"")
            let error = #expect(throws: InvalidSpec.self) { try ContainerRecord(json: Array(text.utf8)) }
            #expect(error?.problem == problem.split(separator: ": ", maxSplits: 1).last.map(String.init))
        }
    }

    @Test func `a container whose init's pid belongs to another process is stopped`() throws {
        var record = ContainerRecord.sample()
        record.cgroup = .none(.unified)
        record.pid = getpid()
        let facts = try #require(try processStat(getpid()))
        record.startTime = facts.startTime
        #expect(try record.status(isWaiting: true) == .created)
        #expect(try record.status(isWaiting: false) == .running)
        record.isReady = false
        #expect(try record.status(isWaiting: true) == .creating)
        #expect(try record.status(isWaiting: false) == .creating)
        record.startTime += 2
        #expect(try record.status(isWaiting: true) == .stopped)
        #expect(try record.openInit()?.relinquish() == nil)
        record.pid = 0
        #expect(try record.status(isWaiting: true) == .creating)
    }
}

struct StateStoreTests {
    @Test(arguments: ["a", "A9_+.-", "..a", "a..", "-", String(repeating: "x", count: 255)])
    func `an id of letters, digits and some signs is taken`(id: String) throws { try StateStore.check(id: id) }

    @Test(arguments: [
        ".", "..", "a/b", "/", "../a", "a b", "a\n", "a\0", "é", "a:b", "a@b", "*", ".seccomp-filters",
    ])
    func `any other id is refused`(id: String) {
        let expected = "invalid container ID format: \"\(id)\" (letters, digits and _ + . - are allowed)"
        #expect(failure { try StateStore.check(id: id) } == Failure(.invalid, expected))
    }

    @Test func `an id that no directory can be named after is refused`() {
        let id = String(repeating: "x", count: 256)
        let refusal = failure { try StateStore.check(id: id) }
        #expect(refusal?.message.hasSuffix("has 256 bytes; 255 are the most") == true)
    }

    @Test func `an empty id is refused`() {
        #expect(failure { try StateStore.check(id: "") } == Failure(.invalid, "container ID cannot be empty"))
    }

    @Test func `a container is created once, and found again`() throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path + "/deep/root")
        #expect(failure { try store.identifiers() }?.kind == .notFound)
        #expect(failure { try store.open(id: "web").path } == Failure(.notFound, "container does not exist: web"))
        let directory = try store.make(id: "web")
        try directory.write(.sample())
        #expect(
            failure { try store.make(id: "web").path }
                == Failure(.exists, "container with given ID already exists: web"))
        #expect(try store.identifiers() == ["web"])
        #expect(try store.open(id: "web").record() == .sample())
        #expect(try fileStatus(at: store.root).mode & 0o777 == 0o700)
        #expect(try fileStatus(at: directory.path + "/state.json").mode & 0o777 == 0o600)
    }

    @Test func `a container becomes ready in place`() throws {
        let folder = try Folder()
        let directory = try StateStore(root: folder.path).make(id: "web")
        var record = ContainerRecord.sample()
        record.isReady = false
        try directory.writeFirst(record)
        #expect(failure { try directory.writeFirst(record) }?.kind == .exists)
        let file = try directory.write(record)
        #expect(try directory.record() == record)
        try directory.markReady(file)
        #expect(try directory.record() == .sample())
    }

    @Test func `waiting for the lock of a container in creation fails at once`() throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path)
        let directory = try store.make(id: "web")
        var record = ContainerRecord.sample()
        record.isReady = false
        try directory.writeFirst(record)
        let other = try store.open(id: "web")
        #expect(failure { try other.lock() } == .isBeingCreated("web"))
        try directory.remove()
        #expect(failure { try other.lock() }?.kind == .notFound)
        #expect(failure { try other.lockByForce { _ in } }?.kind == .notFound)
    }

    @Test func `a directory without a record is no container`() throws {
        let folder = try Folder()
        let directory = try StateStore(root: folder.path).make(id: "web")
        #expect(failure { try directory.record() } == Failure(.notFound, "container does not exist: web"))
        try directory.write(ContainerDirectory.recordName, Array("{".utf8))
        let broken = failure { try directory.record() }
        #expect(broken?.kind == .damaged)
        #expect(broken?.message.contains("\(folder.path)/web/state.json: ") == true)
    }

    @Test func `a link in the place of a container's directory is not followed`() throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path)
        symlink("/tmp", folder.path + "/web")
        #expect(failure { try store.open(id: "web").path }?.kind == .damaged)
        #expect(try store.identifiers() == ["web"])
    }

    @Test func `a removed directory is gone, whatever it contained`() throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path)
        let directory = try store.make(id: "web")
        try directory.write(.sample())
        try directory.write("config.json", [1])
        mkdir(directory.path + "/sub", 0o700)
        try directory.remove()
        #expect(folder.names == [])
        #expect(failure { try directory.lock() } == Failure(.notFound, "container does not exist: web"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a reader sees the old or the new content, never a part`() async throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path)
        var small = ContainerRecord.sample()
        small.annotations = [:]
        var large = small
        large.annotations = ["a": String(repeating: "x", count: 100_000)]
        try store.make(id: "web").write(small)
        let writer = Task.detached { [small, large] in
            let directory = try store.open(id: "web")
            for round in 0..<300 { try directory.write(round % 2 == 0 ? large : small) }
        }
        var seen = 0
        repeat {
            let record = try store.open(id: "web").record()
            #expect(record == small || record == large)
            seen += 1
        } while seen < 300
        try await writer.value
        #expect(try store.open(id: "web").record() == small)
        #expect(FileManager.default.fileExists(atPath: folder.path + "/web/.state.json") == false)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the lock of another process excludes others until it ends`() async throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path)
        let directory = try store.make(id: "web")
        let other = try store.open(id: "web")
        // The lock belongs to the open directory, so two opens in one process also exclude each other.
        #expect(
            failure { try other.lock(seconds: 0) }
                == Failure(.wrongState, "container web is busy: another command has been changing it for more than 0 s")
        )
        _ = consume directory
        try other.lock(seconds: 0)
        _ = consume other
        let holder = Foundation.Process()
        holder.executableURL = URL(filePath: "/usr/bin/flock")
        holder.arguments = [folder.path + "/web", "sh", "-c", "echo; exec sleep 1"]
        let output = Pipe()
        holder.standardOutput = output
        try holder.run()
        _ = output.fileHandleForReading.availableData
        let late = try store.open(id: "web")
        #expect(failure { try late.lock(seconds: 0) }?.kind == .wrongState)
        try late.lock(seconds: 30)
        holder.waitUntilExit()
    }

    @Test(.timeLimit(.minutes(1)))
    func `of many concurrent creations of one container only one succeeds`() async throws {
        let folder = try Folder()
        let store = StateStore(root: folder.path + "/root")
        let results = await withTaskGroup(of: Failure?.self) { group in
            for _ in 0..<50 {
                group.addTask { failure { try store.make(id: "web").path } }
            }
            return await group.reduce(into: [Failure?]()) { $0.append($1) }
        }
        #expect(results.filter { $0 == nil }.count == 1)
        #expect(results.compactMap { $0 }.allSatisfy { $0.kind == .exists })
    }
}
