// Time that passes evenly, also when somebody changes the date.

internal import Glibc

/// Nanoseconds on the monotonic clock. clock_gettime(2).
package func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
