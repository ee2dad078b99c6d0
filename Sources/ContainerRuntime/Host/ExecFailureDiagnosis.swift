// Why a program was not executed, where the kernel's word misleads: found out in the container while its process waits.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Looks at a program through the root directory of the process that failed to execute it.
///
/// Opens only executable regular files: never a device that the container's cgroup refuses, nor a kernel file that a
/// read uses up.
struct ExecFailureDiagnosis {
    let pid: Int32
    let process: ProcessPlan

    /// The reason behind the error, for the end of the message; nil if there is nothing to add.
    func text(_ report: StepReport) -> String? {
        guard report.step == .lookup || report.step == .execute else { return nil }
        let named = report.text.isEmpty ? process.candidates.count == 1 ? process.candidates[0] : "" : report.text
        guard !named.isEmpty else { return nil }
        let path = absolute(named)
        // A FUSE file system may never answer.
        return answer(withinMilliseconds: 2000) { explain(path, report) }
    }

    private func absolute(_ path: String) -> String {
        path.isAbsolutePath ? path : process.workingDirectory + "/" + path
    }

    private func explain(_ path: String, _ report: StepReport) -> String? {
        do throws(Errno) {
            let root = RootDirectory(try OwnedDescriptor.open("/proc/\(pid)/root", .path | .directory))
            switch report.code {
            case .permissionDenied: return try refusal(path, root, isLast: report.step == .execute)
            case .noSuchFileOrDirectory: return try missingPart(path, root, depth: 0)
            case Errno(rawValue: ENOEXEC): return try foreignFormat(path, root)
            default: return nil
            }
        } catch {
            return nil
        }
    }

    // A PATH search looks at the file's mode and its mount only.
    private func refusal(
        _ path: String, _ root: borrowing RootDirectory, isLast: Bool
    ) throws(Errno) -> String? {
        let file = try root.open(path)
        let number = file.rawValue
        let mode = try fileStatus(number).mode & 0o7777
        let octal = "0" + String(mode, radix: 8)
        if mode & 0o111 == 0 { return "it is no executable file: its mode is \(octal)" }
        let withoutExecution: Int64 = 8  // ST_NOEXEC
        if try filesystem(of: number).flags & withoutExecution != 0 {
            return "it lies on a mount with the option noexec"
        }
        if isLast, let landlock = process.landlock, landlock.handled & LandlockPlan.rightsOfPrograms != 0 {
            return "Landlock rules have to allow execute and read_file for it, and for its interpreter or loader"
        }
        return "its mode is \(octal), and the process is user \(process.uid)"
    }

    // The file is there, and something that it needs is not; or a link leads nowhere.
    private func missingPart(_ path: String, _ root: borrowing RootDirectory, depth: Int) throws(Errno) -> String? {
        guard let format = try? format(path, root) else { return try danglingLink(path, root) }
        let needed: String
        switch format {
        case .script(let interpreter):
            if interpreter.hasSuffix("\r") {
                return ExecutableFormat.carriageReturn(interpreter, of: path)
            }
            needed = absolute(interpreter)
            if !exists(needed, root) { return "the interpreter \(interpreter) of \(path) is not in the container" }
        case .binary(_, let loader?):
            needed = absolute(loader)
            if !exists(needed, root) {
                return "the loader \(loader) of \(path) is not in the container: it is linked to another C library"
            }
        default: return nil
        }
        return depth < 4 ? try missingPart(needed, root, depth: depth + 1) : nil
    }

    private func danglingLink(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> String? {
        let link = try root.open(path, .path | .noFollow)
        var target = [UInt8](repeating: 0, count: 4096)
        let number = link.rawValue
        let length = try checked { readlinkat(number, "", &target, target.count) }
        return "it is a link to \(RawText.text(Array(target[..<length]))), which is not in the container"
    }

    private func foreignFormat(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> String? {
        let bytes = try beginning(path, root)
        return ExecutableFormat(bytes).refusal(bytes, mayHaveOlderMachine: false)
    }

    private func format(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> ExecutableFormat {
        ExecutableFormat(try beginning(path, root))
    }

    private func beginning(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> [UInt8] {
        let place = try root.open(path)
        guard try fileStatus(place.rawValue).mode & 0o111 != 0 else { throw .permissionDenied }
        return try ExecutableFormat.beginning(behind: place)
    }

    private func exists(_ path: String, _ root: borrowing RootDirectory) -> Bool {
        do throws(Errno) {
            _ = try root.open(path)
            return true
        } catch {
            return false
        }
    }
}

/// Answers a question in a process of its own; nil after the time limit.
///
/// A process that waits in the kernel for a FUSE file system cannot be killed before that answers: then it is left
/// behind.
func answer(withinMilliseconds time: Int32, _ question: () -> String?) -> String? {
    do throws(Errno) {
        let pair = try SocketPair()
        guard let child = try cloneProcess(namespaces: []) else {
            do throws(Errno) {
                try processControl(.setDumpable, 0)
                try processControl(.setParentDeathSignal, UInt(SIGKILL))
                // A reader that waits for the end of our output must not wait for this process.
                for number in Int32(0)...2 { close(number) }
                if let text = question() { try sendMessage(pair.second.rawValue, Array(text.utf8.prefix(4000))) }
            } catch {}
            _exit(0)
        }
        let socket = pair.takeFirst()
        // The end of the process makes the pipe readable too, because no other process has the write end.
        let hasAnswer = try waitUntilReadable(socket.rawValue, milliseconds: time)
        let bytes = hasAnswer ? try receiveMessage(socket.rawValue).bytes : []
        do throws(Errno) {
            try signalProcess(child.pidfd, SIGKILL)
            if try waitUntilReadable(child.pidfd.rawValue, milliseconds: 100) { _ = try waitForEnd(of: child.pid) }
        } catch {
            // For a caller that ignores SIGCHLD the kernel has reaped it.
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    } catch {
        return nil
    }
}
