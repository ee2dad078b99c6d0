// The failures of a command.

internal import ContainerRuntime

/// How a command fails.
enum CommandError: Error {
    case usage(UsageError)
    case failure(Failure)
}
