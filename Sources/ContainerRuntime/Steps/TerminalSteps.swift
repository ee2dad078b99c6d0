// The terminal of a process in a container: made in the container's own devpts, its master sent to the runtime.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Gives the process a terminal.
struct TerminalSteps {
    let process: ProcessPlan
    let channel: ChildChannel

    /// Opens a new terminal, sends its master over the channel, and makes it the stdio of this process.
    /// - Parameter isInit: the container's /dev/console becomes the terminal too.
    func run(in root: borrowing RootDirectory, isInit: Bool) throws(StepReport) {
        let slave = try open(root)
        if isInit { try bindConsole(slave, root) }
        let number = slave.rawValue
        try call(.terminal) { () throws(Errno) in
            if process.uid != 0 {
                do throws(Errno) {
                    try checked { fchown(number, process.uid, ~0) }
                } catch {
                    // The devpts of a user namespace may not let its owner be changed; the mode lets the user in.
                    guard error == .notPermitted || error == .invalidArgument || error == .readOnlyFileSystem else {
                        throw error
                    }
                }
            }
            for target in Int32(0)...2 { try checked { clinux_dup3(number, target, 0) } }
            try takeControllingTerminal(0)
        }
    }

    private func open(_ root: borrowing RootDirectory) throws(StepReport) -> OwnedDescriptor {
        // Nobody can put anything of his own into a devpts: once the directory is known to be one, "ptmx" is it.
        let console = try call(.terminal) { () throws(Errno) in
            let directory = try root.open("/dev/pts", .path | .directory, resolving: .noSymlinks)
            guard try filesystem(of: directory.rawValue).magic == FilesystemMagic.devpts else { throw .noSuchDevice }
            return try OwnedDescriptor.open(
                "ptmx", .readWrite | .noControllingTerminal | .noFollow, at: directory.rawValue)
        }
        let owned = try call(.terminal) { () throws(Errno) in try openTerminalPeer(of: console) }
        if let rows = process.consoleRows, let columns = process.consoleColumns {
            try call(.terminal) { () throws(Errno) in
                try setWindowSize(WindowSize(rows: rows, columns: columns), of: console.rawValue)
            }
        }
        let index = try call(.terminal) { () throws(Errno) in try terminalNumber(of: console) }
        try channel.send(
            .terminal, descriptor: console.rawValue, bytes: Array("/dev/pts/\(index)".utf8))
        return owned
    }

    // CVE-2025-52565: neither side of the mount is looked up by a name that the image could have replaced.
    private func bindConsole(
        _ slave: borrowing OwnedDescriptor, _ root: borrowing RootDirectory
    ) throws(StepReport) {
        let number = slave.rawValue
        try call(.console) { () throws(Errno) in
            let place = try root.openOrMake("/dev/console", .file, resolving: .noSymlinks, mode: 0o600)
            let tree = try cloneMount("", recursive: false, at: number)
            try attachMount(tree, on: place)
        }
    }
}
