// `delete`: cleans up after a shim that ended at any moment.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI
internal import SwiftProtobuf
internal import SystemPackage

/// The helper that containerd runs when a container's shim is gone, and after every deletion.
struct DeleteCommand {
    let invocation: ShimInvocation

    /// Kills and removes what is left of the container and returns what goes to standard output.
    func run() throws(ShimFailure) -> [UInt8] {
        let bundle = TaskBundle(path: try bundlePath())
        var answer = TaskDeleteResponse()
        answer.pid = UInt32((try? TaskBundle.processID(in: bundle.initPIDFile)) ?? 0)
        var failures: [String] = []
        for member in bundle.listMembers() {
            if let failure = clean(member.bundle, of: member.id) {
                failures.append(failure)
            } else {
                bundle.forgetMember(member.id)
            }
        }
        if let failure = clean(bundle, of: invocation.id) { failures.append(failure) }
        PodFiles(bundle: bundle.path).remove()
        if !failures.isEmpty { throw ShimFailure(failures.joined(separator: "; ")) }
        answer.exitStatus = 128 + UInt32(SIGKILL)
        answer.exitedAt = Google_Protobuf_Timestamp(.now)
        return answer.encodedBytes
    }

    /// Kills and removes what is left of a container; returns why it could not.
    private func clean(_ bundle: TaskBundle, of id: String) -> String? {
        // Without a record, nothing was made or nothing is left.
        guard let options = bundle.recordedOptions() else { return nil }
        do throws(ShimFailure) {
            let failure = try forceDelete(OCIRuntime(options, namespace: invocation.namespace), bundle, id)
            RootFilesystem(directory: bundle.rootfs, mounts: []).unmountAll()
            if let failure, !RuntimeLog.meansGone(failure) { return "OCI runtime delete failed: \(failure)" }
        } catch {
            return error.description
        }
        bundle.removeRecord()
        return nil
    }

    private func bundlePath() throws(ShimFailure) -> String {
        if !invocation.bundle.isEmpty { return invocation.bundle }
        guard let path = getcwd(nil, 0) else { throw ShimFailure("find the bundle", Errno(rawValue: errno)) }
        defer { free(path) }
        return RawText.text(path)
    }

    /// Has the runtime kill and remove the container; returns why it could not.
    private func forceDelete(_ runtime: OCIRuntime, _ bundle: TaskBundle, _ id: String) throws(ShimFailure) -> String? {
        let log = bundle.path + "/delete.log"
        defer { clinux_unlink(log) }
        let result = try RuntimeProcess.run(
            runtime, arguments: runtime.arguments(.delete(force: true), container: id, log: log),
            errors: log)
        if result == 0 { return nil }
        let text = (try? readText(log)) ?? ""
        return RuntimeLog.failure(in: text) ?? "the runtime exited with status \(result) and said nothing"
    }
}

/// Runs a runtime and waits for it, without an event loop.
enum RuntimeProcess {
    /// Runs a call to its end and returns its exit status.
    ///
    /// Standard error is appended to the file `errors`; standard output goes to `output`, or to /dev/null.
    static func run(
        _ runtime: OCIRuntime, arguments: [String], errors: String? = nil, output: Int32? = nil
    ) throws(ShimFailure) -> Int32 {
        guard let executable = findExecutable(runtime.binary) else {
            throw ShimFailure("exec: \"\(runtime.binary)\": executable file not found in $PATH")
        }
        let null = try during("open /dev/null") { () throws(Errno) in
            try OwnedDescriptor.open("/dev/null", .readWrite)
        }
        let errorFile = errors.flatMap {
            try? OwnedDescriptor.open($0, [.writeOnly, .create, .append], mode: 0o600).relinquish()
        }
        defer { if let errorFile { close(errorFile) } }
        let program = Program(
            executable: executable, arguments: arguments,
            descriptors: [null.rawValue, output ?? null.rawValue, errorFile ?? null.rawValue], diesWithParent: true)
        let process = try during("exec: \"\(executable)\"") { () throws(Errno) in try program.start() }
        if !hasEnded(process) {
            kill(process, SIGKILL)
            _ = waitpid(process, nil, 0)
            throw ShimFailure("\(executable): the runtime did not end within \(patience) seconds")
        }
        var status: Int32 = 0
        try during("wait for \(executable)") { () throws(Errno) in try checked { waitpid(process, &status, 0) } }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }

    /// containerd kills the shim after five seconds, and the error would be lost.
    private static let patience: Int32 = 4

    /// Whether a child ends in time. On a kernel without pidfds the wait has no limit.
    private static func hasEnded(_ process: pid_t) -> Bool {
        guard let descriptor = try? openProcess(process) else { return true }
        var side = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&side, 1, patience * 1000) != 0
    }
}
