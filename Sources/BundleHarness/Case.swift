// A case: what is run, and what must come of it. The text of `case.json` as values.

package import SystemPackage

/// One case directory, read and checked.
package struct Case: Sendable {
    /// Group and name, as `mounts/tmpfs-size`.
    package var name: String
    package var directory: FilePath
    /// One sentence on what the case shows.
    package var about: String
    /// The config.json properties that the case proves, as `linux.resources.memory.limit`.
    package var properties: [String]
    package var containers: [String: ContainerRecipe]
    /// Files in the case's scratch directory on the host.
    package var host: Recipe
    package var isolatesNetwork: Bool
    package var steps: [Step]
    package var requirements: [Requirement]
    package var knownDifferences: [KnownDifference]
    package var timeLimit: Int?

    /// The name of the container that a step means when it names none.
    package static let mainContainer = "main"
}

/// How the bundle of one container is made.
package struct ContainerRecipe: Sendable {
    /// The configuration before the overlay.
    package var base: JSONValue
    package var overlay: Overlay
    /// A text that is written instead, where even the JSON is to be wrong.
    package var text: String?
    package var rootfs: Recipe
    /// A directory that is copied as the root file system instead of the usual one.
    package var copiedRootfs: FilePath?
    /// False for a bundle without a root file system.
    package var hasRootfs: Bool
}

/// One thing that is done, and what is expected of it.
package struct Step: Sendable {
    package enum Action: Equatable, Sendable {
        /// A runtime command with the arguments that every case needs: root, bundle, id, pid file.
        case command(String, container: String, options: [String], arguments: [String])
        /// A runtime command line, entirely the case's own.
        case raw([String])
        /// A command on the host.
        case host([String])
        /// Until the container has that status, or until it has exited.
        case wait(String, container: String)
        /// A socket that receives seccomp notifications and answers them.
        case listen(String, answer: Int)
    }

    package var action: Action
    /// What is expected, before the placeholders are replaced; it has been read once, so it is well-formed.
    package var expected: JSONValue
    /// The name under which the observation is kept for `sameAs` and `differsFrom`.
    package var name: String?
    package var input: String?
    package var environment: [String: String]
    /// The user that the runtime is started as.
    package var user: Int?
    /// True when the next step does not wait for this one.
    package var runsInBackground: Bool
    /// True when the terminal is received over a console socket, and its output is the container's.
    package var hasConsole: Bool
    /// The place in the case file.
    package var place: String
}

/// What a step must come to; what is not mentioned may be anything, save that a step must succeed by default.
package struct StepExpectations: Sendable, Equatable {
    package var exit: Expectation?
    package var output: Expectation?
    package var error: Expectation?
    package var observations: [JSONPath: Expectation] = [:]
    package var document: [JSONPath: Expectation] = [:]
    package var seconds: Expectation?
}

/// A difference that is known of a runtime.
package struct KnownDifference: Sendable, Equatable {
    /// The runtime's name, as its `--version` gives it.
    package var runtime: String
    /// Only versions before this one differ, when given.
    package var before: [Int]?
    /// Only versions from this one on differ, when given.
    package var since: [Int]?
    package var reason: String
}
