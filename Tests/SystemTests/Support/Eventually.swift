// Waiting for other processes, with a limit that suffices on a busy machine.

import Testing

/// Waits until a condition holds; after thirty seconds it records an issue.
func eventually(
    _ what: @autoclosure () -> String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("not in thirty seconds: \(what())", sourceLocation: sourceLocation)
}
