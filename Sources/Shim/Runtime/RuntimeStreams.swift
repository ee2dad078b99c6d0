// The standard streams of a call of the runtime.

/// Descriptors 0, 1 and 2 of a call, borrowed until it has started; nothing is /dev/null, and for standard error
/// the log.
struct RuntimeStreams {
    var input: Int32?
    var output: Int32?
    var error: Int32?
}
