// Mount options as text, and overlays with many layers.

import Testing

@testable import Shim

@Suite struct MountOptionsTests {
    @Test func `known options become flags, the rest is passed to the filesystem`() {
        let options = MountOptions([
            "rbind", "ro", "nosuid", "rprivate", "workdir=/w", "X-containerd.mkdir=1", "index=off", "suid",
        ])
        #expect(options.flags == 1 << 12 | 1 << 14 | 1 << 0)
        #expect(options.propagation == 1 << 18 | 1 << 14)
        #expect(options.data == ["workdir=/w", "index=off"])
    }

    @Test func `a later word wins`() {
        #expect(MountOptions(["ro", "rw"]).flags == 0)
        #expect(MountOptions(["rw", "ro"]).flags == MountOptions.readOnly)
    }

    @Test func `maps of ids and loop devices are found`() {
        let options = MountOptions(["uidmap=0:1000:10", "gidmap=0:2000:10", "loop"])
        #expect(options.userMap == "0:1000:10")
        #expect(options.groupMap == "0:2000:10")
        #expect(options.usesLoopDevice)
        #expect(options.data == [])
    }

    @Test func `options of containerd's mount manager are kept from the file system`() {
        let words = ["X-containerd.mkdir.path=/a/upper:0755", "X-containerd.mkfs.size=1MiB", "loop", "direct-io", "ro"]
        let options = MountOptions(words)
        #expect(options.data == [] && options.isDirect && options.unmetProtection == nil)
        #expect(options.directories == ["/a/upper:0755"])
        #expect(MountOptions(["direct-io"]).data == ["direct-io"])
        #expect(MountOptions(["X-containerd.dmverity=/m"]).unmetProtection == "X-containerd.dmverity=/m")
    }

    @Test func `a new directory has a path, a mode and an owner`() throws {
        #expect(try NewDirectory("/a").mode == 0o700)
        #expect(try NewDirectory("/a:0751").mode == 0o751)
        let owned = try NewDirectory("/a:755:1000:2000")
        #expect(owned.path == "/a" && owned.user == 1000 && owned.group == 2000)
    }

    @Test(arguments: ["", "a", "/a:", "/a:8", "/a:1755", "/a:755:1", "/a:755:1:", "/a:755:-1:1", "/a:755:1:2:3"])
    func `an invalid new directory is refused`(_ text: String) {
        #expect(throws: ShimFailure.self) { _ = try NewDirectory(text) }
    }

    @Test func `maps of ids are those of a user namespace`() throws {
        let maps = try MountIDMaps(MountOptions(["uidmap=0:1000:10,10:5000:20", "gidmap=0:2000:10"]))
        #expect(maps?.users == "0 1000 10\n10 5000 20\n")
        #expect(maps?.groups == "0 2000 10\n")
        #expect(try MountIDMaps(MountOptions(["ro"])) == nil)
    }

    @Test(arguments: [
        ("uidmap=0:1:2", "", "mount options uidmap and gidmap need one another"),
        ("uidmap=0:1:2", "gidmap=0:1", "mount option gidmap=0:1: expected CONTAINER:HOST:COUNT"),
        ("uidmap=", "gidmap=0:1:2", "mount option uidmap=: expected CONTAINER:HOST:COUNT"),
        ("uidmap=0:-1:2", "gidmap=0:1:2", "mount option uidmap=0:-1:2: expected CONTAINER:HOST:COUNT"),
        ("uidmap=0:1:2,", "gidmap=0:1:2", "mount option uidmap=0:1:2,: expected CONTAINER:HOST:COUNT"),
    ])
    func `invalid maps are refused`(_ users: String, _ groups: String, _ sentence: String) {
        #expect(throws: ShimFailure(sentence)) { _ = try MountIDMaps(MountOptions([users, groups])) }
    }

    @Test func `a short overlay stays as it is`() {
        #expect(CompactOverlay(["lowerdir=/a/1:/a/2", "upperdir=/a/3"]) == nil)
    }

    @Test func `an overlay of many layers is named from their common directory`() throws {
        let layers = (1...160).map { "/var/lib/containerd/snapshots/\($0)/fs" }
        let compact = try #require(
            CompactOverlay(["upperdir=/u", "lowerdir=" + layers.joined(separator: ":"), "workdir=/w"]))
        #expect(compact.workingDirectory == "/var/lib/containerd/snapshots")
        let shorter = (1...160).map { "\($0)/fs" }.joined(separator: ":")
        #expect(compact.options == ["upperdir=/u", "lowerdir=" + shorter, "workdir=/w"])
    }

    @Test(arguments: [(30, 3600), (200, 5000)])
    func `layers without a common directory stay as they are`(_ count: Int, _ length: Int) {
        let layers = (1...count).map { "/directory-number-\($0)/".padding(to: length / count) }
        let overlay = CompactOverlay(["lowerdir=" + layers.joined(separator: ":")])
        #expect(overlay?.isTooLong == (length > 4096 ? true : nil))
    }
}

extension String {
    fileprivate func padding(to length: Int) -> String {
        self + String(repeating: "x", count: max(0, length - utf8.count))
    }
}
