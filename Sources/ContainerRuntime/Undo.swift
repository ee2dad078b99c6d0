// What has to be taken back if a later step fails.

internal import CLinux
internal import Glibc

/// Steps that are run, last first, unless they are told to keep what was made.
package struct Undo: ~Copyable {
    private var steps: [() -> Void] = []

    package init() {}

    /// Adds how to take back what has just been made.
    package mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    /// Keeps everything.
    package consuming func keep() { steps.removeAll() }

    deinit {
        guard !steps.isEmpty else { return }
        let closesStreams = !hasRoomForDescriptors()
        if closesStreams { for number in Int32(0)...1 { close(number) } }
        for step in steps.reversed() { step() }
        if closesStreams { for _ in 0...1 { _ = open("/dev/null", O_RDWR) } }
    }
}

// What was made is found again by opening it, also by a command that failed because it may open no more: its stdin and
// stdout are of no use any more then.
private func hasRoomForDescriptors() -> Bool {
    let wanted = 4
    var spare: [Int32] = []
    while spare.count < wanted {
        let number = fcntl(2, F_DUPFD_CLOEXEC, 3)
        if number < 0 { break }
        spare.append(number)
    }
    for number in spare { close(number) }
    return spare.count == wanted
}
