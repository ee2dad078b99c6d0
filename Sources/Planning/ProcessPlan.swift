// The program of a container and the attributes that it starts with.

package import Kernel
package import OCISpec

/// A process in a container: the init, or an exec process.
package struct ProcessPlan: Equatable, Sendable {
    /// A limit for setrlimit(2).
    package struct Limit: Equatable, Sendable {
        package var resource: ResourceLimit
        package var soft: UInt64
        package var hard: UInt64
        package var key: String
    }

    /// The five sets of capabilities(7).
    package struct Capabilities: Equatable, Sendable {
        package var bounding: CapabilitySet = []
        package var effective: CapabilitySet = []
        package var permitted: CapabilitySet = []
        package var inheritable: CapabilitySet = []
        package var ambient: CapabilitySet = []
        package init() {}

        /// Removes a capability from all five sets.
        package mutating func remove(_ capability: CapabilitySet) {
            bounding.subtract(capability)
            effective.subtract(capability)
            permitted.subtract(capability)
            inheritable.subtract(capability)
            ambient.subtract(capability)
        }
    }

    package var hasTerminal = false
    package var consoleRows: UInt16?
    package var consoleColumns: UInt16?
    package var workingDirectory = "/"
    package var arguments: [String] = []
    /// Without duplicates; the last value of a name wins.
    package var environment: [String] = []
    /// Whether `HOME` is missing or empty: then it is taken from the container's /etc/passwd.
    package var needsHome = false
    /// The paths to try: one path if the program has a slash, otherwise one for each directory of `PATH`.
    package var candidates: [String] = []
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    package var additionalGroups: [UInt32] = []
    package var umask: UInt32 = 0o022
    package var capabilities = Capabilities()
    package var limits: [Limit] = []
    package var noNewPrivileges = false
    package var oomScoreAdjustment: Int?
    package var apparmorProfile: String?
    package var selinuxLabel: String?
    package var scheduling = SchedulingPlan()
    package var landlock: LandlockPlan?
    /// Requests of the config without effect, such as a capability that does not exist.
    package var warnings: [String] = []
}

private let defaultSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extension ProcessPlan {
    /// Decides a `process` object.
    /// - Throws: its first problem, under its key.
    package init(
        _ process: Process, personality: LinuxPersonality? = nil, memoryPolicy: LinuxMemoryPolicy? = nil,
        landlock: LandlockPlan? = nil
    ) throws(InvalidSpec) {
        guard let program = process.args.first else {
            throw InvalidSpec(keyPath: "process.args", problem: "args must not be empty")
        }
        guard process.cwd.isAbsolutePath else {
            throw InvalidSpec(keyPath: "process.cwd", problem: "Cwd must be an absolute path")
        }
        hasTerminal = process.terminal
        if let size = process.consoleSize {
            consoleRows = UInt16(clamping: size.height)
            consoleColumns = UInt16(clamping: size.width)
        }
        workingDirectory = process.cwd
        arguments = process.args
        try setEnvironment(process.env)
        setCandidates(program)
        try setUser(process.user)
        setCapabilities(process.capabilities)
        limits = try Self.limits(process.rlimits)
        noNewPrivileges = process.noNewPrivileges
        if let adjustment = process.oomScoreAdj {
            guard (-1000...1000).contains(adjustment) else {
                throw InvalidSpec(
                    keyPath: "process.oomScoreAdj", problem: "must be from -1000 to 1000, found \(adjustment)")
            }
            oomScoreAdjustment = adjustment
        }
        apparmorProfile = process.apparmorProfile.flatMap { $0.isEmpty ? nil : $0 }
        selinuxLabel = process.selinuxLabel.flatMap { $0.isEmpty ? nil : $0 }
        scheduling = try SchedulingPlan(process, personality: personality, memoryPolicy: memoryPolicy)
        self.landlock = landlock
    }

    private mutating func setUser(_ user: User) throws(InvalidSpec) {
        uid = try identity(user.uid, "process.user.uid")
        gid = try identity(user.gid, "process.user.gid")
        for (index, group) in user.additionalGids.enumerated() {
            additionalGroups.append(try identity(group, "process.user.additionalGids[\(index)]"))
        }
        guard let mask = user.umask else { return }
        guard mask <= 0o777 else {
            throw InvalidSpec(keyPath: "process.user.umask", problem: "\(mask) has bits beyond 511 (0777)")
        }
        umask = mask
    }

    private mutating func setEnvironment(_ entries: [String]) throws(InvalidSpec) {
        // Compared by bytes, because Swift considers two spellings of one letter equal.
        var places: [ByteKey: Int] = [:]
        environment.reserveCapacity(entries.count + 1)
        for (index, entry) in entries.enumerated() {
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                throw InvalidSpec(keyPath: "process.env[\(index)]", problem: "\"\(entry)\" has no \"=\"")
            }
            guard equals != entry.startIndex else {
                throw InvalidSpec(keyPath: "process.env[\(index)]", problem: "\"\(entry)\" has no name before \"=\"")
            }
            let name = ByteKey(entry[..<equals])
            if let place = places[name] {
                environment[place] = entry
            } else {
                places[name] = environment.count
                environment.append(entry)
            }
        }
        if let place = places[ByteKey("HOME")] {
            if environment[place] == "HOME=" {
                environment.remove(at: place)
                needsHome = true
            }
        } else {
            needsHome = true
        }
    }

    private mutating func setCandidates(_ program: String) {
        if program.utf8.contains(UInt8(ascii: "/")) {
            candidates = [program]
            return
        }
        guard !program.isEmpty else { return }
        let path = environment.last { $0.hasPrefix("PATH=") }.map { $0.dropFirst(5) } ?? Substring(defaultSearchPath)
        candidates = path.split(at: ":", omittingEmptySubsequences: false).map { directory in
            directory.isEmpty ? "./" + program : String(directory) + "/" + program
        }
    }

    private mutating func setCapabilities(_ sets: LinuxCapabilities?) {
        guard let sets else { return }
        var unknown: [String] = []
        var seen = EarlierNames()
        func set(_ names: [String]?) -> CapabilitySet {
            var result: CapabilitySet = []
            for name in names ?? [] {
                if let capability = CapabilitySet(name: name) {
                    result.formUnion(capability)
                } else if seen.place(of: name, at: unknown.count) == nil {
                    unknown.append(name)
                }
            }
            return result
        }
        capabilities.bounding = set(sets.bounding)
        capabilities.effective = set(sets.effective)
        capabilities.permitted = set(sets.permitted)
        capabilities.inheritable = set(sets.inheritable)
        capabilities.ambient = set(sets.ambient)
        // There may be a hundred thousand.
        for (index, name) in unknown.enumerated() {
            let meant = index < 20 ? suggestion(for: name, among: CapabilitySet.names, prefix: "CAP_") : ""
            warnings.append("process.capabilities: ignoring unknown capability \"\(name)\"\(meant)")
        }
        // capabilities(7): the kernel would refuse the whole set, so each capability that cannot be set is removed.
        capabilities.effective = limit(
            capabilities.effective, "effective", to: capabilities.permitted, "permitted")
        capabilities.inheritable = limit(
            capabilities.inheritable, "inheritable", to: capabilities.bounding, "in the bounding set")
        capabilities.ambient = limit(
            capabilities.ambient, "ambient", to: capabilities.inheritable.intersection(capabilities.permitted),
            "permitted and inheritable")
    }

    private mutating func limit(
        _ set: CapabilitySet, _ key: String, to allowed: CapabilitySet, _ reason: String
    ) -> CapabilitySet {
        for name in set.subtracting(allowed).memberNames {
            let refusal = key == "ambient" ? "can't raise ambient capability \(name): it" : "ignoring \(name), which"
            warnings.append("process.capabilities.\(key): \(refusal) is not \(reason)")
        }
        return set.intersection(allowed)
    }

    /// A sentence for each capability that the config grants although the runtime lacks it.
    package func warnings(grantedBy own: CapabilitySet) -> [String] {
        capabilities.permitted.subtracting(own).memberNames.map {
            "process.capabilities.permitted: ignoring \($0), which the runtime does not have itself"
        }
    }

    private static func limits(_ limits: [POSIXRlimit]) throws(InvalidSpec) -> [Limit] {
        var result: [Limit] = []
        for (index, limit) in limits.enumerated() {
            let key = "process.rlimits[\(index)]"
            guard let resource = ResourceLimit(name: limit.type) else {
                let meant = suggestion(for: limit.type, among: ResourceLimit.names, prefix: "RLIMIT_")
                throw InvalidSpec(keyPath: "\(key).type", problem: "unknown resource \"\(limit.type)\"\(meant)")
            }
            guard !result.contains(where: { $0.resource == resource }) else {
                throw InvalidSpec(keyPath: key, problem: "duplicate resource \"\(limit.type)\"")
            }
            guard limit.soft <= limit.hard else {
                throw InvalidSpec(
                    keyPath: "\(key).soft", problem: "\(limit.soft) is more than the hard limit \(limit.hard)")
            }
            result.append(Limit(resource: resource, soft: limit.soft, hard: limit.hard, key: key))
        }
        return result
    }
}

/// A user or group id. The kernel takes the largest number as "no change", so the id would not be set. setresuid(2).
func identity(_ id: UInt32, _ key: String) throws(InvalidSpec) -> UInt32 {
    guard id != .max else { throw InvalidSpec(keyPath: key, problem: "\(id) is not a valid id") }
    return id
}
