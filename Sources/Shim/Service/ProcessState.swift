// Which operation a process allows in which state.

package import TTRPC

/// The state of a process in a container.
package enum ProcessState: String, Sendable, CaseIterable {
    case created, running, pausing, paused, stopped

    /// An operation that depends on the state.
    package enum Operation: Sendable, CaseIterable {
        case start, delete, kill, exec, pause, resume, update, checkpoint, resize
    }

    /// Why an operation on a container's init is refused in this state, or nothing.
    package func refusal(of operation: Operation) -> Status? {
        switch (operation, self) {
        case (.start, .created): nil
        case (.start, _): Status(.unknown, "cannot start a \(self) process")
        case (.delete, .created), (.delete, .stopped): nil
        case (.delete, _): Status(.unknown, "cannot delete a \(self) process")
        case (.kill, .stopped): Status(.notFound, "process already finished")
        case (.kill, _): nil
        case (.exec, .created), (.exec, .running): nil
        case (.exec, _): Status(.unknown, "cannot exec in a \(self) state")
        case (.pause, .running): nil
        case (.pause, _): Status(.unknown, "cannot pause a \(self) container")
        case (.resume, .paused): nil
        case (.resume, _): Status(.unknown, "cannot resume a \(self) container")
        case (.update, .stopped): Status(.unknown, "cannot update a stopped container")
        case (.update, _): nil
        case (.checkpoint, .running), (.checkpoint, .paused): nil
        case (.checkpoint, _): Status(.unknown, "cannot checkpoint a \(self) container")
        case (.resize, .stopped): Status(.unknown, "cannot resize a stopped container")
        case (.resize, _): nil
        }
    }

    /// Why an operation on an exec'd process is refused in this state, or nothing.
    package func refusalOfExec(_ operation: Operation) -> Status? {
        switch (operation, self) {
        case (.kill, .created): Status(.failedPrecondition, "process not created")
        case (.resize, .stopped): Status(.unknown, "cannot resize a stopped process")
        default: refusal(of: operation)
        }
    }
}
