// What has to be taken back if a later step fails.

/// Steps that are run, last first, unless they are told to keep what was made.
package struct Undo: ~Copyable {
    private var steps: [() -> Void] = []

    package init() {}

    /// Adds how to take back what has just been made.
    package mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    /// Keeps everything.
    package consuming func keep() { steps.removeAll() }

    deinit { for step in steps.reversed() { step() } }
}
