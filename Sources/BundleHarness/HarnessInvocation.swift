// Starts a program with its output in files, so that a container that outlives its runtime blocks no reader.

internal import Glibc
internal import Subprocess
internal import SystemPackage

/// One program to run.
struct HarnessInvocation: Sendable {
    var executable: String
    var arguments: [String]
    var environment: [String: String] = [:]
    var directory: String?
    /// The file for the standard input; `/dev/null` if nil.
    var inputPath: String?
    var outputPath: String
    var errorPath: String
    var user: Int?
    /// The number of seconds after which the program is killed.
    var limit: Double
    /// Whether the program has a session of its own, so that the terminal's signals do not reach it.
    var hasOwnSession = false
    /// Whether a second interrupt ends it at once; not what cleans up.
    var isInterruptible = true

    /// The environment of a runtime, independent of the harness's own.
    static let cleanEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C",
    ]

    var commandLine: String { ([executable.lastPart] + arguments).map(shellQuoted).joined(separator: " ") }
}

/// The result of a program.
struct Ending: Sendable {
    /// The exit status, or 128 + signal.
    var status: Int
    var timedOut: Bool
    var seconds: Double
}

func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let directory = getcwd(nil, 0) else { return path }
    defer { free(directory) }
    return String(cString: directory) + "/" + path
}

func shellQuoted(_ word: String) -> String {
    let plain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_=/.,:@%+".contains($0) }
    return plain
        ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

extension HarnessInvocation {
    /// Runs the program until it ends or its time limit passes.
    /// - Throws: `CaseError` if it cannot be started.
    func run() async throws(CaseError) -> Ending {
        let start = ContinuousClock.now
        let status: Int?
        do {
            status = try await withThrowingTaskGroup(of: Int?.self) { group in
                group.addTask { try await execute() }
                group.addTask {
                    if isInterruptible {
                        try await Interruption.sleep(.seconds(limit))
                    } else {
                        try await Task.sleep(for: .seconds(limit))
                    }
                    return nil
                }
                let first = try await group.next() ?? nil
                group.cancelAll()
                return first
            }
        } catch is CancellationError {
            status = nil
        } catch {
            throw CaseError("run \(executable): \(error)")
        }
        let taken = ContinuousClock.now - start
        let seconds = Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18
        return Ending(status: status ?? 137, timedOut: status == nil, seconds: seconds)
    }

    private func execute() async throws -> Int {
        let input = try FileDescriptor.open(inputPath ?? "/dev/null", .readOnly)
        let access: FileDescriptor.OpenOptions = [.create, .append]
        let permissions = FilePermissions(rawValue: 0o666)
        let output = try FileDescriptor.open(outputPath, .writeOnly, options: access, permissions: permissions)
        let error = try FileDescriptor.open(errorPath, .writeOnly, options: access, permissions: permissions)
        var platform = PlatformOptions()
        platform.createSession = hasOwnSession
        if let user {
            platform.userID = uid_t(user)
            platform.groupID = gid_t(user)
            platform.supplementaryGroups = []
        }
        let configuration = Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
            ),
            workingDirectory: directory.map { FilePath($0) }, platformOptions: platform)
        let result = try await Subprocess.run(
            configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: true),
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .fileDescriptor(error, closeAfterSpawningProcess: true))
        return switch result.terminationStatus {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}

/// The standard output of a short command.
func capture(_ executable: String, _ arguments: [String]) async throws(CaseError) -> String {
    do {
        let result = try await Subprocess.run(
            .path(FilePath(executable)), arguments: Arguments(arguments), output: .string(limit: 1 << 20))
        return result.standardOutput
    } catch {
        throw CaseError("run \(executable): \(error)")
    }
}
