// Clean-up of earlier steps if a later one fails.

internal import CLinux
internal import Glibc

/// Clean-up steps that run, last first, unless `keep()` is called.
package struct Undo: ~Copyable {
    private var steps: [() -> Void] = []

    package init() {}

    /// Adds the clean-up of a step that has just been taken.
    package mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    /// Drops the clean-up steps.
    package consuming func keep() { steps.removeAll() }

    deinit {
        guard !steps.isEmpty else { return }
        let closesStreams = !hasRoomForDescriptors()
        if closesStreams { for number in Int32(0)...1 { close(number) } }
        for step in steps.reversed() { step() }
        if closesStreams { for _ in 0...1 { _ = clinux_openat(AT_FDCWD, "/dev/null", O_RDWR, 0) } }
    }
}

// The clean-up opens files, also after a failure by too many open files: stdin and stdout are closed for it then.
private func hasRoomForDescriptors() -> Bool {
    let wanted = 4
    var spare: [Int32] = []
    while spare.count < wanted {
        let number = clinux_fcntl(2, F_DUPFD_CLOEXEC, 3)
        if number < 0 { break }
        spare.append(number)
    }
    for number in spare { close(number) }
    return spare.count == wanted
}
