// The place of a command in a distributed trace: W3C Trace Context, as environment variables of the names that
// OpenTelemetry gives them.

internal import Glibc
internal import Kernel

/// `TRACEPARENT` and `TRACESTATE` of this process. Hooks receive them also where the config gives them an environment of
/// their own; the container's processes never do.
struct TraceContext: Sendable {
    /// `NAME=value` each; nothing without a trace.
    var variables: [String] = []

    /// The trace that the caller has named. A state has no meaning without a parent.
    static var inherited: TraceContext {
        guard let parent = variable("TRACEPARENT") else { return TraceContext() }
        return TraceContext(variables: [parent] + [variable("TRACESTATE")].compactMap { $0 })
    }

    private static func variable(_ name: String) -> String? {
        environmentVariable(name).map { name + "=" + $0 }
    }

    /// An environment with the trace in it, unless it names one itself: parent and state belong together.
    func added(to environment: [String]) -> [String] {
        if variables.isEmpty || environment.contains(where: { $0.hasPrefix("TRACEPARENT=") }) { return environment }
        return environment.filter { !$0.hasPrefix("TRACESTATE=") } + variables
    }
}
