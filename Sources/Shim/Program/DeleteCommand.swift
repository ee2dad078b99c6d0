// `delete`: cleans up after a shim that ended at any moment.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

/// The helper that containerd runs when a container's shim is gone, and after every deletion.
struct DeleteCommand {
    let invocation: ShimInvocation

    private let deadline = NIODeadline.now() + .milliseconds(Self.patience)

    /// containerd kills this command after five seconds; an error has to be written before.
    private static let patience: Int64 = 4000

    /// In milliseconds.
    private var timeLeft: Int64 { max(0, (deadline - .now()).nanoseconds / 1_000_000) }

    init(invocation: ShimInvocation) { self.invocation = invocation }

    /// Kills and removes what is left of the container and returns what goes to standard output.
    func run() throws(ShimFailure) -> [UInt8] {
        let bundle = TaskBundle(path: try bundlePath())
        askForEnd(of: bundle)
        var answer = TaskDeleteResponse()
        answer.pid = UInt32((try? TaskBundle.processID(in: bundle.initPIDFile)) ?? 0)
        var failures: [String] = []
        let members = bundle.listMembers()
        for (number, member) in members.enumerated() {
            // One that takes too long leaves time for those after it, and for the pod itself.
            let share = timeLeft / Int64(members.count - number + 1)
            if let failure = clean(member.bundle, of: member.id, member.options, within: share) {
                failures.append(failure)
            } else {
                bundle.forgetMember(member.id)
            }
        }
        let own = bundle.recordedOptions() ?? optionsWithoutRecord
        if let failure = clean(bundle, of: invocation.id, own, within: timeLeft) { failures.append(failure) }
        PodFiles(bundle: bundle.path).remove()
        if !failures.isEmpty { throw ShimFailure(failures.joined(separator: "; ")) }
        answer.exitStatus = 128 + UInt32(SIGKILL)
        answer.exitedAt = Google_Protobuf_Timestamp(.now)
        return answer.encodedBytes
    }

    /// The options of a container whose bundle was emptied: the usual ones, if the usual runtime has its state.
    private var optionsWithoutRecord: RuncOptions? {
        let usual = RuncOptions()
        let state = OCIRuntime(usual, namespace: invocation.namespace).root + "/" + invocation.id
        return clinux_access(state, F_OK) == 0 ? usual : nil
    }

    /// Kills and removes what is left of a container; returns why it could not.
    /// - Parameter options: of its record; without one, nothing was made or nothing is left.
    private func clean(_ bundle: TaskBundle, of id: String, _ options: RuncOptions?, within time: Int64) -> String? {
        guard let options else { return nil }
        do throws(ShimFailure) {
            let failure = try forceDelete(OCIRuntime(options, namespace: invocation.namespace), id, within: time)
            RootFilesystem(directory: bundle.rootfs, mounts: []).unmountAll()
            if let failure, !RuntimeLog.meansGone(failure) { return "OCI runtime delete failed: \(failure)" }
        } catch {
            return error.description
        }
        bundle.removeRecord()
        return nil
    }

    /// Asks a shim that still serves to end, which it does unless it keeps a container: what it creates is not wanted.
    private func askForEnd(of bundle: TaskBundle) {
        guard let bytes = try? readRegularFile(bundle.path + "/address"), bytes.starts(with: "unix://".utf8) else {
            return
        }
        var request = TaskShutdownRequest()
        request.id = invocation.id
        let path = RawText.text(Array(bytes.dropFirst(7)))
        ShimSocket.call(
            path, Request(service: "containerd.task.v2.Task", method: "Shutdown", payload: request.encodedBytes),
            within: min(timeLeft, 500))
    }

    private func bundlePath() throws(ShimFailure) -> String {
        if !invocation.bundle.isEmpty { return invocation.bundle }
        guard let path = getcwd(nil, 0) else { throw ShimFailure("find the bundle", Errno(rawValue: errno)) }
        defer { free(path) }
        return RawText.text(path)
    }

    /// Has the runtime kill and remove the container; returns why it could not.
    private func forceDelete(
        _ runtime: OCIRuntime, _ id: String, within time: Int64
    ) throws(ShimFailure) -> String? {
        // In the bundle that containerd keeps until this command has ended, not in a container's.
        let log = try CallLog(try bundlePath() + "/delete.log")
        defer { log.remove() }
        let result = try RuntimeProcess.run(
            runtime, arguments: runtime.arguments(.delete(force: true), container: id, log: log.path),
            errors: log.file.rawValue, within: time)
        if result == 0 { return nil }
        return RuntimeLog.failure(in: log.text) ?? "the runtime exited with status \(result) and said nothing"
    }
}

/// Runs a runtime and waits for it, without an event loop.
enum RuntimeProcess {
    /// Runs a call to its end and returns its exit status.
    ///
    /// `errors` becomes standard error and `output` standard output, or else /dev/null. After so many milliseconds it is
    /// killed.
    static func run(
        _ runtime: OCIRuntime, arguments: [String], errors: Int32? = nil, output: Int32? = nil,
        within time: Int64 = 4000
    ) throws(ShimFailure) -> Int32 {
        guard let executable = findExecutable(runtime.binary) else {
            throw ShimFailure("exec: \"\(runtime.binary)\": executable file not found in $PATH")
        }
        let null = try during("open /dev/null") { () throws(Errno) in
            try OwnedDescriptor.open("/dev/null", .readWrite)
        }
        let program = Program(
            executable: executable, arguments: arguments,
            descriptors: [null.rawValue, output ?? null.rawValue, errors ?? null.rawValue], diesWithParent: true)
        let process = try during("exec: \"\(executable)\"") { () throws(Errno) in try program.start() }
        if !hasEnded(process, within: time) {
            kill(process, SIGKILL)
            // In a frozen cgroup no signal ends it.
            if hasEnded(process, within: 500) { _ = waitpid(process, nil, 0) }
            throw ShimFailure("\(executable): the runtime did not end within \(time) ms")
        }
        var status: Int32 = 0
        try during("wait for \(executable)") { () throws(Errno) in try checked { waitpid(process, &status, 0) } }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }

    /// Whether a child ends in so many milliseconds; where the kernel has no pidfd, it is waited for as long as it takes.
    private static func hasEnded(_ process: pid_t, within time: Int64) -> Bool {
        guard let descriptor = try? openProcess(process) else { return true }
        var side = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&side, 1, Int32(time)) != 0
    }
}
