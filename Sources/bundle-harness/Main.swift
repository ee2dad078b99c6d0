// The command line of the bundle harness.

internal import ArgumentParser
internal import BundleHarness
internal import Glibc
internal import SystemPackage

@main
struct Main {
    /// Workers start before any code creates a thread.
    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.first == "worker", words.count >= 3 else { return await examine() }
        do throws(CaseError) {
            switch words[1] {
            case "case": try say(await CaseExecution(try Worker.enter(order: words[2])).run().json.text + "\n")
            case "console": try Worker.console(socket: words[2], output: words[3])
            case "listener": try Worker.listener(socket: words[2], SeccompAgent(word: words[3]) ?? .answers(0))
            default: throw CaseError("worker \(words[1]): no such worker")
            }
        } catch {
            fail("\(error)")
        }
    }

    /// The parser's own texts, such as that of --help, are checked when they are written, too.
    private static func examine() async {
        // Swift's threads have taken the number of a closed stream by now, for a descriptor that is no file and has no kind.
        var facts = stat()
        if fstat(1, &facts) != 0 || facts.st_mode & S_IFMT == 0 {
            fail("standard output: it is closed, and the report would be lost")
        }
        do {
            var command = try BundleHarnessCommand.parseAsRoot()
            if var harness = command as? any AsyncParsableCommand {
                try await harness.run()
            } else {
                try command.run()
            }
        } catch {
            let text = BundleHarnessCommand.fullMessage(for: error)
            let code = BundleHarnessCommand.exitCode(for: error)
            do throws(CaseError) {
                if !text.isEmpty { try writeAll(text + "\n", to: code.isSuccess ? 1 : 2, "standard output") }
            } catch { fail("\(error)") }
            exit(code.rawValue)
        }
    }
}

func say(_ text: String) throws(CaseError) { try writeAll(text, to: 1, "standard output") }

func complain(_ text: String) {
    // A harness without a standard error has nowhere to tell that.
    try? writeAll("bundle-harness: \(shown(text))\n", to: 2, "standard error")
}

func fail(_ text: String) -> Never {
    complain(text)
    exit(2)
}

extension ReportFormat: ExpressibleByArgument {}

struct BundleHarnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle-harness",
        abstract: "Run bundles with expectations against OCI runtimes, side by side.",
        discussion: """
            Each directory holds cases: a case.json, or a bundle with a config.json, which must then run and exit with 0. \
            Exit status: 0 when no case failed, 1 when one did, 2 when a case is malformed or the report cannot be \
            written, 128 + the signal when one ended the run.
            """,
        version: "bundle-harness version \(harnessVersion)")

    @Option(help: "A runtime to examine, with flags, quoted as in a shell; may be given several times (default: runc).")
    var runtime: [String] = []

    @Option(help: "How to report: \(ReportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format: ReportFormat = .table

    @Option(name: [.short, .long], help: "How many cases run at a time.")
    var jobs: Int = 1

    @Option(help: "Only the cases whose name matches the regular expression.")
    var filter: String?

    @Option(help: "Seconds that a case may take when it does not say itself.")
    var timeout: Int = 30

    @Option(help: "How many times longer than they say themselves cases may take, on a slow machine.")
    var patience: Int = 1

    @Flag(help: "Keep the bundles and outputs of the cases.")
    var keep = false

    @Flag(help: "Hide /sys/fs/cgroup/unified from the runtimes: crun refuses a hybrid hierarchy.")
    var hideUnified = false

    @Flag(help: "Do not run a case on a runtime that differs there as the case knows; such cases are often slow.")
    var skipKnown = false

    @Option(help: "Where the cases' directories are made.")
    var work: String = "/tmp"

    @Option(help: "The witness program (default: beside the harness).")
    var witness: String?

    @Option(help: "A static busybox.")
    var busybox: String = "busybox"

    @Option(help: "Write a table of all config.json properties and the cases that prove them.")
    var coverage: String?

    @Flag(help: "Fail when a property has no case.")
    var requireComplete = false

    @Flag(help: "Print the cases and what they are about, and run nothing.")
    var list = false

    @Argument(help: "Directories with cases.")
    var directories: [String]

    func run() async throws {
        let code: Int32
        do throws(CaseError) { code = try await examine() } catch { fail("\(error)") }
        if code != 0 { throw ExitCode(code) }
    }

    func validate() throws {
        if jobs < 1 { throw ValidationError("--jobs \(jobs): at least one case has to run at a time") }
        if patience < 1 { throw ValidationError("--patience \(patience): a number from 1 on is needed") }
        if timeout < 1 { throw ValidationError("--timeout \(timeout): a case needs at least one second") }
        if list, coverage != nil {
            throw ValidationError("--coverage: --list runs nothing, so there is nothing to write")
        }
        if requireComplete, coverage == nil { throw ValidationError("--require-complete: it belongs to --coverage") }
    }

    private func examine() async throws(CaseError) -> Int32 {
        let cases = try chosenCases()
        if list {
            try say(cases.map { "\(shown($0.name)): \(shown($0.about))\n" }.joined())
            return 0
        }
        let programs = try findPrograms()
        let runtimes = try await TestedRuntime.find(all: runtime.isEmpty ? ["runc"] : runtime)
        let labels = runtimes.map(\.label)
        var suite = Suite(
            cases: cases, runtimes: runtimes, jobs: jobs, timeLimit: timeout, keepsScratch: keep,
            hidesUnified: hideUnified, workDirectory: work, programs: programs)
        suite.patience = patience
        suite.skipsKnown = skipKnown
        if keep { complain("the directories of the cases are kept in \(suite.ownDirectory)") }
        let progress = Progress(total: cases.count * runtimes.count)
        Interruption.catchSignals()
        let results = try await suite.run { progress.add($0) }
        try say(format.text(results, runtimes: labels))
        if Interruption.hasCome {
            let unwritten = coverage.map { "; \($0) is not written" } ?? ""
            complain("interrupted after \(results.count) of \(cases.count * runtimes.count)\(unwritten)")
            return Interruption.status
        }
        var code: Int32 = Totals(results).failed > 0 ? 1 : 0
        if let coverage {
            let table = Coverage(
                cases: cases, results: results, runtimes: labels, properties: specificationPropertyList)
            try write(table.text, to: coverage)
            if requireComplete && !table.missing.isEmpty {
                complain("no case for: \(table.missing.joined(separator: ", "))")
                code = 1
            }
        }
        return code
    }

    private func chosenCases() throws(CaseError) -> [Case] {
        var cases: [Case] = []
        let pattern: Regex<AnyRegexOutput>?
        do { pattern = try filter.map { try Regex($0) } } catch {
            throw CaseError("--filter \(filter ?? ""): not a regular expression")
        }
        var places: [CaseDirectory] = []
        for directory in directories { places += try CaseDirectory.find(in: directory) }
        for place in CaseDirectory.distinct(places) {
            if let pattern, place.name.firstMatch(of: pattern) == nil { continue }
            let test = try place.load()
            for warning in test.warnings { complain("warning: \(place.path): \(warning)") }
            cases.append(test)
        }
        if cases.isEmpty { throw CaseError("no case is left to run") }
        return cases
    }

    private func findPrograms() throws(CaseError) -> Programs {
        guard let shell = findCommand(busybox) else { throw CaseError("--busybox \(busybox): no such command") }
        if let witness {
            guard let path = findCommand(witness) else { throw CaseError("--witness \(witness): no such program") }
            return Programs(witness: FilePath(path), busybox: FilePath(shell))
        }
        let beside = FilePath(try ownPath()).removingLastComponent().appending("witness")
        guard findCommand(beside.string) != nil else {
            throw CaseError("\(beside): no witness program there; name one with --witness")
        }
        return Programs(witness: beside, busybox: FilePath(shell))
    }

    private func ownPath() throws(CaseError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else { throw CaseError("/proc is not mounted") }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws(CaseError) {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate], permissions: FilePermissions(rawValue: 0o644))
            try file.closeAfter { _ = try file.writeAll(text.utf8) }
        } catch {
            throw CaseError("--coverage \(path): \("\(error)".lowercased())")
        }
    }
}
