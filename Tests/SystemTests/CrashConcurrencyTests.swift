// Concurrent commands on one container: one wins, the others report the reason, and nothing is left.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct CrashConcurrencyTests {
    /// Runs commands concurrently.
    /// - Returns: the statuses and messages, in the order of the commands.
    private func atOnce(_ sandbox: Sandbox, _ commands: [String]) async throws -> [(status: Int, errors: String)] {
        let runtime = "'\(sandbox.runtime.path)' --root '\(sandbox.state)'"
        var script = ""
        for (number, command) in commands.enumerated() {
            let place = "'\(sandbox.directory)/c\(number)'"
            script += "( \(runtime) \(command) </dev/null >/dev/null 2>\(place); echo $? >\(place).status ) &\n"
        }
        _ = try await shell(script + "wait", in: sandbox.bundle)
        return try commands.indices.map { number in
            let place = "\(sandbox.directory)/c\(number)"
            let status = try String(contentsOfFile: place + ".status", encoding: .utf8)
            return (
                Int(status.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1,
                try String(contentsOfFile: place, encoding: .utf8)
            )
        }
    }

    private func create(_ sandbox: Sandbox) async throws {
        try sandbox.configure("sleep", "100")
        #expect(try await sandbox.detached("create", sandbox.id).status == 0)
    }

    @Test func `of twenty concurrent starts of one container one succeeds`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try await create(sandbox)
            let outcomes = try await atOnce(sandbox, Array(repeating: "start \(sandbox.id)", count: 20))
            #expect(outcomes.count { $0.status == 0 } == 1)
            for outcome in outcomes where outcome.status != 0 {
                #expect(outcome.errors.contains("cannot start an already running container"), "\(outcome.errors)")
            }
            #expect(try await sandbox.status() == "running")
            _ = try await sandbox.call("delete", "--force", sandbox.id)
        }
    }

    @Test func `of twenty concurrent deletes of one container one succeeds`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try await create(sandbox)
            let outcomes = try await atOnce(sandbox, Array(repeating: "delete \(sandbox.id)", count: 20))
            #expect(outcomes.count { $0.status == 0 } == 1)
            for outcome in outcomes where outcome.status != 0 {
                #expect(outcome.errors.contains("container does not exist"), "\(outcome.errors)")
            }
        }
    }

    @Test func `start and delete at once end in one of two orders`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            for _ in 0..<20 {
                try await create(sandbox)
                let outcomes = try await atOnce(sandbox, ["start \(sandbox.id)", "delete --force \(sandbox.id)"])
                #expect(outcomes[1].status == 0, "\(outcomes[1].errors)")
                let reasons = ["container does not exist", "that has stopped"]
                #expect(
                    outcomes[0].status == 0 || reasons.contains { outcomes[0].errors.contains($0) },
                    "\(outcomes[0].errors)")
                #expect(try await sandbox.leftovers() == [])
            }
        }
    }

    @Test func `kill and exec during delete succeed or report the reason`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            for _ in 0..<20 {
                try sandbox.configure("sleep", "100")
                #expect(try await sandbox.startDetached().status == 0)
                let outcomes = try await atOnce(
                    sandbox,
                    ["kill \(sandbox.id) KILL", "exec \(sandbox.id) true", "delete --force \(sandbox.id)"])
                #expect(outcomes[2].status == 0, "\(outcomes[2].errors)")
                for outcome in outcomes where outcome.status != 0 && outcome.status != 137 {
                    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
                }
                #expect(try await sandbox.leftovers() == [])
            }
        }
    }
}
