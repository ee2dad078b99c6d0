// Random commands: the command, its arguments, its container, and whether the runtime is killed during it.

import Foundation
import Glibc
import Kernel

/// A generator that returns the same numbers for the same seed. Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators" (2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// A randomly chosen command of the runtime.
struct RandomCommand: Sendable {
    var words: [String]
    var id: String
    /// The number of microseconds after which the runtime is killed.
    var killedAfter: UInt32?
    /// Whether the status may be a program's own, which no error record explains.
    var runsProgram: Bool

    var text: String { words.joined(separator: " ") + (killedAfter.map { " (killed after \($0) µs)" } ?? "") }

    /// - Parameters:
    ///   - bundles: the bundles of the containers.
    ///   - place: a directory for files that options name.
    static func random(
        ids: [String], bundles: [String], place: String, using numbers: inout SeededGenerator
    ) -> RandomCommand {
        let id = ids[Int.random(in: 0..<ids.count, using: &numbers)]
        let bundle = bundles[Int.random(in: 0..<bundles.count, using: &numbers)]
        let signal = ["KILL", "TERM", "STOP", "CONT", "HUP", "USR1"][Int.random(in: 0..<6, using: &numbers)]
        let pidFile = numbers.chance(30) ? ["--pid-file", "\(place)/pid.\(id)"] : []
        let program = ["/bin/true", "/bin/false", "/bin/sleep 0.02", "/bin/nonesuch"][
            Int.random(in: 0..<4, using: &numbers)
        ].split(separator: " ").map(String.init)
        let choices: [(weight: Int, words: [String])] = [
            (14, ["create", "--bundle", bundle] + pidFile + [id]),
            (14, ["start", id]),
            (6, ["run", "--detach", "--bundle", bundle] + pidFile + [id]),
            (3, ["run", "--bundle", bundle, id]),
            (8, ["exec", id] + program),
            (8, ["exec", "--detach"] + pidFile + [id] + program),
            (2, ["exec", "--user", "1000:1000", "--cwd", "/tmp", id] + program),
            (8, ["kill", id, signal]),
            (3, ["kill", "--all", id, signal]),
            (5, ["pause", id]), (7, ["resume", id]),
            (4, ["update", "--pids-limit", numbers.chance(50) ? "100" : "200", id]),
            (3, ["mounts", "add", id, place + "/mounts"]), (3, ["mounts", "remove", id, place + "/mounts"]),
            (5, ["state", id]), (3, ["ps", id]), (2, ["events", "--stats", id]), (2, ["list"]),
            (6, ["delete", id]), (10, ["delete", "--force", id]),
        ]
        var drawn = Int.random(in: 0..<choices.reduce(0) { $0 + $1.weight }, using: &numbers)
        let words = choices.first { choice in
            drawn -= choice.weight
            return drawn < 0
        }?.words
        let killedAfter = numbers.chance(15) ? UInt32.random(in: 0..<12_000, using: &numbers) : nil
        let name = words?.first ?? "list"
        return RandomCommand(
            words: words ?? ["list"], id: id, killedAfter: killedAfter, runsProgram: name == "exec" || name == "run")
    }

    /// The violation in a command's result, if there is one.
    func complaint(_ ended: EndedCommand) -> String? {
        if ended.isHung { return "hung" }
        if [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV].contains(ended.signal) {
            return "signal \(ended.signal)"
        }
        // Killed by the test, or by a `delete --force`, which does not wait for other commands.
        if ended.signal == SIGKILL { return nil }
        if ended.signal != 0 { return "signal \(ended.signal)" }
        let records = ended.errors.split(separator: "\n").count { $0.contains("level=error") }
        if ended.status == 0 { return records == 0 ? nil : "success with an error" }
        // A program's own status; a program that was killed by a signal has 128 and more.
        if runsProgram, records == 0, ended.status == 1 || ended.status > 128 { return nil }
        return records == 1 ? nil : "\(records) error records for status \(ended.status)"
    }
}

/// The result of a command.
struct EndedCommand: Sendable {
    var status: Int32 = 0
    var signal: Int32 = 0
    var output = ""
    var errors = ""
    var isHung = false
    /// Whether it continued only after the container was thawed and its processes continued.
    var isHeld = false
    var seconds = 0.0
}

/// Runs commands and waits for their end.
struct CommandRunner: Sendable {
    let runtime: [String]
    let place: String
    /// Longer than every wait of a command that is not delayed by others.
    private static let patience = 15.0

    /// - Parameter name: the name of the files for the streams.
    func run(_ command: RandomCommand, _ name: String) async -> EndedCommand {
        let files = [place + "/\(name).out", place + "/\(name).err"]
        let start = Date()
        guard let pid = spawn(runtime + command.words, files) else {
            return EndedCommand(status: -1, errors: "posix_spawn failed")
        }
        if let delay = command.killedAfter {
            usleep(delay)
            kill(pid, SIGKILL)
        }
        var ended = EndedCommand()
        var status: Int32 = 0
        var nextResume = Self.patience
        while waitpid(pid, &status, WNOHANG) == 0 {
            ended.seconds = Date().timeIntervalSince(start)
            if ended.seconds > nextResume {
                // A process that was frozen or stopped on its way in waits, and its command waits for it; another
                // worker may pause the container again.
                ended.isHeld = true
                nextResume = ended.seconds + 3
                for words in [["resume", command.id], ["kill", "--all", command.id, "CONT"]] {
                    if let other = spawn(runtime + words, ["/dev/null", "/dev/null"]) { waitpid(other, nil, 0) }
                }
            }
            if ended.seconds > 4 * Self.patience {
                ended.isHung = true
                ended.errors = dump(pid)
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                return ended
            }
            try? await Task.sleep(for: .milliseconds(ended.seconds > 0.05 ? 10 : 1))
        }
        ended.seconds = Date().timeIntervalSince(start)
        ended.signal = status & 0x7f
        ended.status = ended.signal == 0 ? status >> 8 & 0xff : 0
        ended.output = (try? String(contentsOfFile: files[0], encoding: .utf8)) ?? ""
        ended.errors = (try? String(contentsOfFile: files[1], encoding: .utf8)) ?? ""
        return ended
    }

    private func spawn(_ words: [String], _ files: [String]) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (number, file) in files.enumerated() {
            posix_spawn_file_actions_addopen(&actions, Int32(number + 1), file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        return posix_spawn(&pid, words[0], &actions, nil, &arguments, environ) == 0 ? pid : nil
    }

    // The state of all processes that may be involved.
    private func dump(_ hung: pid_t) -> String {
        let manager = FileManager.default
        var text = "process \(hung) hangs\n"
        for pid in (try? manager.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(pid) != nil {
            let read = { (name: String) in
                ((try? String(contentsOfFile: "/proc/\(pid)/\(name)", encoding: .utf8)) ?? "")
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let command = read("cmdline").replacingOccurrences(of: "\0", with: " ")
            guard command.contains(place) || read("cgroup").contains("random-") else { continue }
            let state = read("status").split(separator: "\n")
                .filter { ["State", "PPid", "TracerPid", "SigBlk", "NSpid"].contains($0.prefix { $0 != ":" }) }
            text +=
                "\(pid) \(command)\n  \(state.joined(separator: ", "))\n  wchan \(read("wchan")), call \(read("syscall"))\n"
            text += read("stack").split(separator: "\n").map { "  stack \($0)\n" }.joined()
            for file in (try? manager.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? [] {
                text +=
                    "  fd \(file) \((try? manager.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(file)")) ?? "")\n"
            }
        }
        return text
    }
}
