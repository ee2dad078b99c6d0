// A rootfs full of traps: whatever links and swaps it contains, nothing outside is opened or created.

import Foundation
import Glibc
import Testing

@testable import Kernel

/// A directory with `inside`, which serves as a rootfs, and `outside`, which must not change.
private final class Trap {
    let path: String

    init() throws {
        var template = Array("/tmp/root-directory.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for name in ["inside", "inside/dir", "outside", "outside/dir"] { mkdir("\(path)/\(name)", 0o755) }
        try Data("secret".utf8).write(to: URL(filePath: path + "/outside/file"))
        try Data("own".utf8).write(to: URL(filePath: path + "/inside/file"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func root() throws(Errno) -> RootDirectory {
        RootDirectory(try OwnedDescriptor.open(path + "/inside", [.path, .directory]))
    }

    func link(_ name: String, to target: String) { symlink(target, "\(path)/inside/\(name)") }

    func inode(_ name: String) throws -> UInt64 { try fileStatus(at: "\(path)/\(name)").inode }

    /// All files outside.
    var outside: [String] {
        (FileManager.default.enumerator(atPath: path + "/outside")?.allObjects as? [String] ?? []).sorted()
    }
}

struct RootDirectoryTests {
    @Test(arguments: [
        ("../outside/file", ENOENT), ("/../../outside/file", ENOENT), ("dir/../../outside/file", ENOENT),
        ("absolute", ENOENT), ("relative", ENOENT), ("up", ENOENT), ("dangling", ENOENT), ("loop", ELOOP),
        ("loop/a", ELOOP), ("file/a", ENOTDIR), ("process/status", ELOOP),
    ])
    func `a path that leads outside is refused`(path: String, code: Int32) throws {
        let trap = try Trap()
        trap.link("absolute", to: trap.path + "/outside/file")
        trap.link("relative", to: "../outside/file")
        trap.link("up", to: "../../../../../../..\(trap.path)/outside/file")
        trap.link("dangling", to: "/nowhere")
        trap.link("loop", to: "loop")
        trap.link("process", to: "process")
        #expect(throws: Errno(rawValue: code)) { _ = try trap.root().open(path).rawValue }
    }

    @Test(arguments: [
        "file", "/file", "//./file", "../file", "/../../../file", "dir/../file", "absolute", "relative", "chain",
    ])
    func `a path is resolved as if the rootfs were the root`(path: String) throws {
        let trap = try Trap()
        trap.link("absolute", to: "/file")
        trap.link("relative", to: "../../file")
        trap.link("chain", to: "/dir/../absolute")
        let found = try trap.root().open(path)
        #expect(try fileStatus(found.rawValue).inode == trap.inode("inside/file"))
    }

    @Test func `a magic link is not followed`() throws {
        let root = RootDirectory(try OwnedDescriptor.open("/", [.path, .directory]))
        #expect(throws: Errno.tooManySymbolicLinkLevels) { _ = try root.open("/proc/self/root/tmp").rawValue }
        #expect(throws: Errno.tooManySymbolicLinkLevels) { _ = try root.open("/proc/self/cwd").rawValue }
    }

    @Test func `a link as the last component can be opened itself`() throws {
        let trap = try Trap()
        trap.link("link", to: "/file")
        let found = try trap.root().open("link", [.path, .noFollow])
        #expect(try fileStatus(found.rawValue).isSymbolicLink)
        #expect(try readLink(found.rawValue, "") == "/file")
    }

    @Test(arguments: [
        ("new", "new"), ("a/b/c", "a/b/c"), ("../../a", "a"), ("dangling", "nowhere/deep"),
        ("dangling/x", "nowhere/deep/x"),
        ("out/x", "outside/x"), ("dir/up/y", "y"), ("absolute/z", "dir/z"),
    ])
    func `a missing path is created, and only inside`(path: String, made: String) throws {
        let trap = try Trap()
        let before = trap.outside
        trap.link("dangling", to: "/nowhere/deep")
        trap.link("out", to: "../outside")
        trap.link("dir/up", to: "../../..")
        trap.link("absolute", to: "/dir")
        let directory = try trap.root().openOrMake(path, .directory)
        #expect(try fileStatus(directory.rawValue).inode == trap.inode("inside/" + made))
        #expect(try fileStatus(directory.rawValue).isDirectory)
        #expect(trap.outside == before)
    }

    @Test func `a missing file is created empty, with its parent directories`() throws {
        let trap = try Trap()
        trap.link("etc", to: "/../outside")
        let file = try trap.root().openOrMake("etc/conf/hosts", .file, mode: 0o640)
        let status = try fileStatus(file.rawValue)
        #expect(status.isRegular)
        #expect(status.mode & 0o7777 == 0o640)
        #expect(try trap.inode("inside/outside/conf/hosts") == status.inode)
        #expect(trap.outside == ["dir", "file"])
        let again = try trap.root().openOrMake("etc/conf/hosts", .file)
        #expect(try fileStatus(again.rawValue) == status)
    }

    @Test func `creating fails at a loop, at a file, and at a forbidden link`() throws {
        let trap = try Trap()
        trap.link("loop", to: "loop2")
        trap.link("loop2", to: "loop")
        trap.link("link", to: "/dir")
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            _ = try trap.root().openOrMake("loop/a", .directory).rawValue
        }
        #expect(throws: Errno.notDirectory) { _ = try trap.root().openOrMake("file/a", .directory).rawValue }
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            _ = try trap.root().openOrMake("link/a", .directory, resolving: .noSymlinks).rawValue
        }
    }

    @Test func `the parent of a path is inside, and the last component is only a name`() throws {
        let trap = try Trap()
        trap.link("out", to: "../outside")
        trap.link("dir/last", to: "/file")
        let place = try trap.root().parent(of: "/dir/last")
        #expect(place.name == "last")
        #expect(try fileStatus(place.directory.rawValue).inode == trap.inode("inside/dir"))
        let made = try trap.root().parent(of: "out/x")
        #expect(try fileStatus(made.directory.rawValue).inode == trap.inode("inside/outside"))
        for path in ["", "/", "a/..", "."] {
            #expect(throws: Errno.invalidArgument) { _ = try trap.root().parent(of: path).name }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a directory that another process swaps with a link never leads outside`() throws {
        let trap = try Trap()
        mkdir(trap.path + "/inside/swap", 0o755)
        symlink(trap.path + "/outside", trap.path + "/inside/.link")
        symlink("../outside", trap.path + "/inside/.relative")
        let swapper = Process()
        swapper.executableURL = URL(filePath: "/bin/sh")
        swapper.currentDirectoryURL = URL(filePath: trap.path + "/inside")
        swapper.arguments = [
            "-c",
            "while :; do mv -T swap .dir && mv -T .link swap; mv -T swap .link && mv -T .relative swap; "
                + "mv -T swap .relative && mv -T .dir swap; done 2>/dev/null",
        ]
        try swapper.run()
        defer {
            swapper.terminate()
            swapper.waitUntilExit()
        }
        let root = try trap.root()
        let forbidden = try [trap.inode("outside"), trap.inode("outside/dir"), trap.inode("outside/file")]
        var reached = 0
        let end = time(nil) + 3
        for round in 0..<100_000 where round < 200 || time(nil) < end {
            do throws(Errno) {
                let found = try root.openOrMake("swap/\(round % 50)", .directory)
                let inode = try fileStatus(found.rawValue).inode
                #expect(!forbidden.contains(inode))
                reached += 1
            } catch {
                // Between two renames the path may be missing, or the kernel may report too many changes.
            }
        }
        #expect(reached > 0)
        #expect(trap.outside == ["dir", "file"])
    }
}
