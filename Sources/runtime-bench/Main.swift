// The command line of the benchmark: the runtimes, the number of runs, the measurements, the output format.

internal import ArgumentParser
internal import CLinux
internal import Glibc

@main
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runtime-bench",
        abstract: "Time OCI runtimes side by side, one run of each in turn.",
        discussion: """
            The first runtime is the one that the ratios are of. `floor` makes the least system calls that the same \
            container needs and takes part in `run` alone.
            """)

    @Option(help: "NAME=PATH of a runtime; may be given several times.")
    var runtime: [String] = []

    @Option(help: "The program that makes the least system calls.")
    var floor: String?

    @Option(help: "Counted runs of everything.")
    var runs: Int = 100

    @Option(help: "The engines' seccomp profile, as containers/common ships it.")
    var profile: String = "/usr/share/containers/seccomp.json"

    @Option(help: "One group (default: all): \(Group.allCases.map(\.rawValue).joined(separator: ", ")); repeatable.")
    var only: [Group] = []

    @Option(help: "An earlier build of the first runtime; its ratios get 95 % confidence intervals.")
    var compare: String?

    @Option(help: "The programs in the page cache: copied (fresh copies), read (as installed), or cold.")
    var fileState: FileState = .copied

    @Option(help: "How many busy loops run beside the measurements.")
    var load: Int = 0

    @Option(help: "How many other containers a crowded host has.")
    var containers: Int = 500

    @Option(help: "How many mounts a crowded host has.")
    var mounts: Int = 5000

    @Option(help: "How many idle containers the group scale has.")
    var idle: Int = 1000

    @Option(help: "For how many seconds the group scale runs 100 execs a second.")
    var seconds: Int = 60

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        guard clinux_prctl(becomeSubreaper, 1, 0, 0, 0) == 0 else {
            throw ValidationError("cannot become the reaper of the containers")
        }
        let folder = try WorkFolder()
        defer { folder.remove() }
        let installed = try given()
        let contenders = try installed.map { try $0.copied(into: folder.path, state: fileState) }
        let bundles = try Bundles(folder: folder.path, profile: profile, specification: contenders[0].path)
        var report = Report(contenders: contenders.map(\.name), earlier: compare == nil ? nil : contenders[1].name)
        let busy = try Load(processes: load)
        defer { busy.stop() }
        for group in only.isEmpty ? Group.allCases.filter(\.isMeasuredByDefault) : only {
            if !json { complain("measuring \(group.rawValue)") }
            switch group {
            case .default: try lifecycle("default", bundles.plain, contenders, &report)
            case .seccomp: try lifecycle("seccomp", bundles.seccomp, contenders, &report)
            case .parallel: try parallel(bundles.plain, contenders, &report)
            case .memory: try memory(bundles, contenders, &report)
            case .files:
                for state in FileState.allCases {
                    let copies = try installed.map { try $0.copied(into: folder.path, state: state) }
                    try lifecycle("files \(state)", bundles.plain, copies, &report)
                }
            case .crowded:
                let crowd = try Crowd(folder: folder.path, mounts: mounts)
                defer { crowd.leave() }
                for contender in contenders { try crowd.fill(with: contender, count: containers, bundle: bundles.idle) }
                try lifecycle("crowded", bundles.plain, contenders, &report)
            case .scale:
                try Scale(contenders: contenders, bundles: bundles, idle: idle, seconds: seconds).measure(into: &report)
            }
        }
        print(json ? try report.json() : report.table())
    }

    private func given() throws -> [Contender] {
        var contenders = try runtime.map(Contender.init(argument:)) + (floor.map { [Contender(floor: $0)] } ?? [])
        guard !contenders.isEmpty else { throw ValidationError("--runtime NAME=PATH is missing") }
        if let compare { contenders.insert(try Contender(argument: "earlier=" + compare), at: 1) }
        return contenders
    }

    private func lifecycle(
        _ group: String, _ bundle: Bundle, _ contenders: [Contender], _ report: inout Report
    ) throws {
        for round in -2..<runs {
            for contender in contenders.rotated(by: round) {
                let times = try contender.lifecycle(bundle)
                guard round >= 0 else { continue }
                for (operation, time) in times { report.add(group, operation, contender.name, time) }
            }
        }
    }

    private func parallel(_ bundle: Bundle, _ contenders: [Contender], _ report: inout Report) throws {
        for round in -1..<max(3, runs / 20) {
            for contender in contenders.rotated(by: round) {
                let time = try contender.runs(atOnce: 50, bundle)
                if round >= 0 { report.add("parallel", "50 runs at once", contender.name, time) }
            }
        }
    }

    private func memory(_ bundles: Bundles, _ contenders: [Contender], _ report: inout Report) throws {
        for contender in contenders {
            let once = try contender.usage(ofRunning: bundles.plain)
            report.note("peak memory of run, KiB", contender.name, once.peak)
            report.note("page faults of run", contender.name, once.faults)
            report.note("system calls of run", contender.name, try contender.systemCalls(ofRunning: bundles.plain))
            report.note("size of the program, KiB", contender.name, try contender.size())
            // On a host without the memory controller no limit can be set.
            guard contender.kind == .runtime, let least = try contender.leastMemory(bundles) else { continue }
            report.note("least memory limit for /bin/true, KiB", contender.name, least)
        }
    }
}

/// PR_SET_CHILD_SUBREAPER of <linux/prctl.h>: the containers' processes become children of the benchmark when their
/// runtime exits.
private let becomeSubreaper: Int32 = 36

/// The groups of measurements.
enum Group: String, CaseIterable, ExpressibleByArgument {
    case `default`, seccomp, parallel, memory, crowded, files, scale

    /// The last two take longer than all others together.
    var isMeasuredByDefault: Bool { self != .files && self != .scale }
}

extension FileState: ExpressibleByArgument {}

func complain(_ text: String) {
    let bytes = Array("runtime-bench: \(text)\n".utf8)
    _ = write(2, bytes, bytes.count)
}

extension Array {
    /// The same elements, starting at another one each round, so that a runtime does not always follow the same
    /// neighbour.
    func rotated(by round: Int) -> [Element] {
        guard !isEmpty else { return self }
        let start = ((round % count) + count) % count
        return Array(self[start...] + self[..<start])
    }
}
