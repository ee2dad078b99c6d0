// The table of states and operations.

import TTRPC
import Testing

@testable import Shim

@Suite struct ProcessStateTests {
    /// The operations that each state allows; all others are refused.
    private let allowed: [ProcessState: Set<ProcessState.Operation>] = [
        .created: [.start, .delete, .kill, .exec, .update, .resize],
        .running: [.kill, .exec, .pause, .update, .checkpoint, .resize],
        .pausing: [.kill, .update, .resize],
        .paused: [.kill, .resume, .update, .checkpoint, .resize],
        .stopped: [.delete],
    ]

    @Test(arguments: ProcessState.allCases) func `a state allows these operations and no others`(state: ProcessState) {
        for operation in ProcessState.Operation.allCases {
            #expect((state.refusal(of: operation) == nil) == allowed[state]?.contains(operation), "\(operation)")
        }
    }

    @Test func `refusals have the codes that clients check`() {
        #expect(ProcessState.running.refusal(of: .start) == Status(.unknown, "cannot start a running process"))
        #expect(ProcessState.running.refusal(of: .delete) == Status(.unknown, "cannot delete a running process"))
        #expect(ProcessState.stopped.refusal(of: .kill) == Status(.notFound, "process already finished"))
        #expect(ProcessState.paused.refusal(of: .exec) == Status(.unknown, "cannot exec in a paused state"))
        #expect(
            ProcessState.created.refusalOfExec(.kill) == Status(.failedPrecondition, "process not created"))
    }
}
