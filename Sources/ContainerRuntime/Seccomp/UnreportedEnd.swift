// A process that ended under its seccomp filter, which may keep it from its program and from saying so.

internal import Kernel
internal import OCISpec
internal import Planning

extension SeccompPlan {
    /// The calls that the runtime makes under the filter and the profile refuses, as the beginning of a message; nil if
    /// none is known to be refused.
    var refusal: String? {
        let refused = refused(["execve", "sendmsg"])
        return refused.isEmpty
            ? nil : "linux.seccomp: the profile does not allow \(refused.joined(separator: " and "))"
    }
}

/// Makes sure that a process has closed the conversation by executing its program.
///
/// Its end closes the conversation too, and only the kernel can tell the two apart: proc_pid_stat(5).
/// - Parameters:
///   - startTime: its start time, if it may be another process's child and its pid may have been used again.
///   - seccomp: reads the profile, only if the process has ended.
///   - end: reads its status, if the caller wants it.
func checkExecuted(
    _ pid: Int32, startTime: UInt64? = nil, seccomp: () throws(Failure) -> SeccompPlan?,
    end: () throws(Errno) -> TerminationStatus?
) throws(Failure) {
    var facts: ProcessStat?
    do throws(Errno) { facts = try processStat(pid) } catch {}
    if let facts, startTime.map({ facts.hasStarted(at: $0) }) ?? true {
        if facts.hasExecuted { return }
    } else {
        // Reaped by its parent already, or hidden: what no profile allows has not happened.
        guard let seccomp = try seccomp(), !seccomp.refused(["execve"]).isEmpty else { return }
    }
    var how = ""
    do throws(Errno) {
        if let end = try end() { how = " (\(end.words))" }
    } catch {}
    let sentence = "the process ended before its program began\(how)"
    guard let profile = try seccomp() else { throw Failure(.other, sentence) }
    guard let refusal = profile.refusal else {
        throw Failure(.other, "\(sentence); linux.seccomp may refuse a call that it needs")
    }
    throw Failure(.other, "\(refusal): \(sentence)")
}
