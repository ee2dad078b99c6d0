// A case: its steps and their expected results. The content of `case.json` as values.

package import SystemPackage

/// One case directory, parsed and checked.
package struct Case: Sendable {
    /// Group and name: `mounts/tmpfs-size`.
    package var name: String
    package var directory: FilePath
    /// One sentence that says what the case shows.
    package var about: String
    /// The config.json properties that the case proves: `linux.resources.memory.limit`.
    package var properties: [String]
    package var containers: [String: ContainerRecipe]
    /// Files in the case's scratch directory on the host.
    package var host: Recipe
    package var isolatesNetwork: Bool
    package var steps: [Step]
    package var requirements: [Requirement]
    package var knownDifferences: [KnownDifference]
    package var timeLimit: Int?
    /// Sentences on properties of the configurations that the specification does not have.
    package var warnings: [String] = []

    /// The container of steps that name none.
    package static let mainContainer = "main"

    /// The first difference that the case lists for a runtime; nil if it should pass.
    package func knownDifference(of runtime: RuntimeIdentity) -> KnownDifference? {
        knownDifferences.first { $0.applies(to: runtime) }
    }
}

/// The recipe for the bundle of one container.
package struct ContainerRecipe: Sendable {
    /// The configuration before the overlay is applied.
    package var base: JSONValue
    package var overlay: Overlay
    /// Text that is written instead of the configuration, for cases with malformed JSON.
    package var text: String?
    package var rootfs: Recipe
    /// A directory to copy as the root filesystem instead of the usual one.
    package var copiedRootfs: FilePath?
    /// False for a bundle without a root filesystem.
    package var hasRootfs: Bool
}

/// The behaviour of the agent that listens for seccomp notifications.
package enum SeccompAgent: Equatable, Sendable {
    /// Answers every notification with an errno; 0 lets the call continue.
    case answers(Int)
    case misbehaves(Misbehaviour)

    package enum Misbehaviour: String, CaseIterable, Sendable {
        /// Accepts no connection.
        case absent
        /// Accepts connections and closes them.
        case hangsUp = "hangs up"
        /// Takes listeners and closes them.
        case closes
        /// Takes listeners and answers nothing.
        case silent
        /// Takes one notification and closes the listener without an answer, as the kernel does for one that ends.
        case dies
    }

    /// The word for a worker process.
    package var word: String {
        switch self {
        case .answers(let code): String(code)
        case .misbehaves(let how): how.rawValue
        }
    }

    package init?(word: String) {
        if let code = Int(word) {
            self = .answers(code)
        } else if let how = Misbehaviour(rawValue: word) {
            self = .misbehaves(how)
        } else {
            return nil
        }
    }
}

/// One action, and its expected result.
package struct Step: Sendable {
    package enum Action: Equatable, Sendable {
        /// A runtime command; the harness adds the arguments that every case needs: root, bundle, id, pid file.
        case command(String, container: String, options: [String], arguments: [String])
        /// A runtime command line that the case gives completely.
        case raw([String])
        /// A command on the host.
        case host([String])
        /// Waits until the container has that status, or has exited.
        case wait(String, container: String)
        /// A socket that receives seccomp notifications and answers them.
        case listen(String, SeccompAgent)
    }

    package var action: Action
    /// The expectations before the placeholders are replaced; they were parsed once, so they are well-formed.
    package var expected: JSONValue
    /// The name of the observation, for `sameAs` and `differsFrom`.
    package var name: String?
    package var input: String?
    package var environment: [String: String]
    /// The user id of the runtime.
    package var user: Int?
    /// Whether the next step starts without waiting for this one.
    package var runsInBackground: Bool
    /// Whether the harness receives the terminal over a console socket; the container's output is read from it.
    package var hasConsole: Bool
    /// The place in the case file.
    package var place: String
}

/// The expected result of a step. A value that is not mentioned may be anything, but a step must succeed by default.
package struct StepExpectations: Sendable, Equatable {
    package var exit: Expectation?
    package var output: Expectation?
    package var error: Expectation?
    package var observations: [JSONPath: Expectation] = [:]
    package var document: [JSONPath: Expectation] = [:]
    package var seconds: Expectation?
}

/// A known difference of a runtime.
package struct KnownDifference: Sendable, Equatable {
    /// The runtime's name as printed by `--version`.
    package var runtime: String
    /// If set, only versions before this one differ.
    package var before: [Int]?
    /// If set, only versions from this one on differ.
    package var since: [Int]?
    package var reason: String
}
