// Passes changed configs to the decoder and the planner. Each must return a value or an error, within a time limit,
// and the same result twice.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// `config-fuzzer SECONDS SEED INPUT FOLDER...`: the texts are made from the .json files of the folders; INPUT is the
/// file that contains the current text, for use after a crash.
@main
struct ConfigFuzzer {
    private static let usage = "usage: config-fuzzer SECONDS SEED INPUT FOLDER..."
    /// The limit of CPU time per case in seconds. Wall time would make a busy machine look like a hang.
    private static let longestCase = 10

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count >= 5, let seconds = Int(words[1]), let seed = UInt64(words[2]) else { return fail(usage) }
        let seeds = try words[4...].flatMap { try configs(in: $0) }
        guard !seeds.isEmpty else { return fail("no .json files in \(words[4...].joined(separator: ", "))") }
        print("seed \(seed), \(seeds.count) configs, \(seconds) s")
        fflush(nil)
        try run(Mutator(seeds: seeds, seed: seed), seconds: seconds, input: words[3])
    }

    private static func configs(in folder: String) throws -> [[UInt8]] {
        let directory = try OwnedDescriptor.open(folder, [.readOnly, .directory])
        let names = try directoryEntries(directory.rawValue).map(\.name).filter { $0.hasSuffix(".json") }.sorted()
        return try names.map { try readFile($0, at: directory.rawValue) }
    }

    private static func run(_ mutator: Mutator, seconds: Int, input: String) throws {
        var mutator = mutator
        var tally = Tally()
        let end = time(nil) + seconds
        let file = try OwnedDescriptor.open(input, [.writeOnly, .create, .truncate], mode: 0o600).relinquish()
        while tally.texts % 64 != 0 || time(nil) < end {
            // A case that hangs is ended by a signal, together with this program.
            watch()
            let text = mutator.next()
            ftruncate(file, 0)
            _ = text.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
            watch()
            if let complaint = examine(text, &tally) {
                return fail("\(complaint)\n\(String(decoding: text, as: UTF8.self))")
            }
        }
        print("\(tally.texts) texts: \(tally.decoded) decoded, \(tally.planned) planned; nothing found")
    }

    private static func watch() {
        var limit = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: longestCase, tv_usec: 0))
        setitimer(__itimer_which_t(ITIMER_VIRTUAL.rawValue), &limit, nil)
    }

    private struct Tally {
        var texts = 0
        var decoded = 0
        var planned = 0
    }

    /// - Returns: the violation, if there is one.
    private static func examine(_ text: [UInt8], _ tally: inout Tally) -> String? {
        tally.texts += 1
        let spec: Spec
        do throws(InvalidSpec) {
            spec = try Spec(config: text)
        } catch {
            return error.description.isEmpty ? "an error without a word" : nil
        }
        tally.decoded += 1
        do throws(InvalidSpec) {
            guard try Spec(config: spec.json()) == spec else { return "the config differs when it is written and read" }
        } catch {
            return "the config that was written is refused: \(error)"
        }
        for host in hosts {
            do throws(InvalidSpec) {
                let plan = try ContainerPlan(spec: spec, id: "fuzz", bundle: "/bundle", host: host)
                if host == hosts[0] { tally.planned += 1 }
                guard try ContainerPlan(spec: spec, id: "fuzz", bundle: "/bundle", host: host) == plan else {
                    return "two plans of one config differ"
                }
                let lines = plan.summary(startsAtOnce: false) + [String(decoding: plan.json(), as: UTF8.self)]
                if lines.contains(where: \.isEmpty) { return "a step without a word" }
            } catch {
                if error.keyPath.isEmpty || error.problem.isEmpty { return "an error without a key: \(error)" }
            }
        }
        return examineCgroup(spec)
    }

    private static func examineCgroup(_ spec: Spec) -> String? {
        for host in cgroupHosts {
            do throws(CgroupFailure) {
                let plan = try CgroupPlan(
                    cgroupsPath: spec.linux?.cgroupsPath, containerID: "fuzz", resources: spec.linux?.resources,
                    annotations: spec.annotations, driver: .cgroupfs, host: host)
                for directory in plan.location.directories where directory.path.split(separator: "/").contains("..") {
                    return "the cgroup \(directory.path) may lie anywhere"
                }
                if plan.summary.contains(where: \.isEmpty) { return "a cgroup step without a word" }
            } catch {
                if error.description.isEmpty { return "a cgroup error without a word" }
            }
        }
        return nil
    }

    private static let hosts = [
        HostFacts.root,
        HostFacts(uid: 1000, gid: 1000, isInUserNamespace: true, cgroup: .unified(directory: "/sys/fs/cgroup/fuzz")),
    ]

    private static let cgroupHosts = [
        CgroupHost(hierarchy: .unified, mounts: [CgroupMount(controllers: ["unified"], path: "/sys/fs/cgroup")]),
        CgroupHost(
            hierarchy: .legacy,
            mounts: ["cpu", "cpuset", "memory", "pids", "devices", "blkio"].map {
                CgroupMount(controllers: [$0], path: "/sys/fs/cgroup/\($0)")
            }),
    ]

    private static func fail(_ text: String) {
        print(text)
        exit(1)
    }
}
