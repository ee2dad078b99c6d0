// Finds properties that the specification does not define: a reader must ignore them, but they may be misspelt.

/// The properties of each object of the specification. All elements of an array share one path, and so do all values
/// of a map (`*`).
enum KnownProperties {
    /// config.md and config-linux.md of runtime-spec 1.3.0, and properties of earlier versions that were dropped
    /// later.
    static let ofConfig: [(path: String, names: String)] =
        [
            (
                "",
                "ociVersion process root hostname domainname mounts hooks annotations linux "
                    + "solaris windows vm zos freebsd"
            ),
            (
                "process",
                "terminal consoleSize user args commandLine env cwd capabilities rlimits noNewPrivileges apparmorProfile "
                    + "oomScoreAdj scheduler selinuxLabel ioPriority execCPUAffinity"
            ),
            ("process.consoleSize", "height width"),
            ("process.user", "uid gid umask additionalGids username"),
            ("process.capabilities", "bounding effective inheritable permitted ambient"),
            ("process.rlimits", "type hard soft"),
            ("process.scheduler", "policy nice priority flags runtime deadline period"),
            ("process.ioPriority", "class priority"),
            ("process.execCPUAffinity", "initial final"),
            ("root", "path readonly"),
            ("mounts", "destination type source options uidMappings gidMappings"),
            ("mounts.uidMappings", "containerID hostID size"),
            ("mounts.gidMappings", "containerID hostID size"),
            ("hooks", "prestart createRuntime createContainer startContainer poststart poststop"),
            ("hooks.prestart", hook), ("hooks.createRuntime", hook), ("hooks.createContainer", hook),
            ("hooks.startContainer", hook), ("hooks.poststart", hook), ("hooks.poststop", hook),
            (
                "linux",
                "uidMappings gidMappings sysctl resources cgroupsPath namespaces devices netDevices seccomp "
                    + "rootfsPropagation maskedPaths readonlyPaths mountLabel intelRdt memoryPolicy personality timeOffsets"
            ),
            ("linux.uidMappings", "containerID hostID size"),
            ("linux.gidMappings", "containerID hostID size"),
            ("linux.namespaces", "type path"),
            ("linux.devices", "path type major minor fileMode uid gid"),
            ("linux.netDevices.*", "name"),
            ("linux.timeOffsets.*", "secs nanosecs"),
            (
                "linux.seccomp",
                "defaultAction defaultErrnoRet architectures flags listenerPath listenerMetadata syscalls"
            ),
            ("linux.seccomp.syscalls", "names action errnoRet args"),
            ("linux.seccomp.syscalls.args", "index value valueTwo op"),
            ("linux.intelRdt", "closID schemata l3CacheSchema memBwSchema enableMonitoring enableCMT enableMBM"),
            ("linux.memoryPolicy", "mode nodes flags"),
            ("linux.personality", "domain flags"),
        ] + ofResources.map { (path: $0.path.isEmpty ? resources : resources + "." + $0.path, names: $0.names) }

    static let ofResources: [(path: String, names: String)] = [
        ("", "devices memory cpu pids blockIO hugepageLimits network rdma unified"),
        ("devices", "allow type major minor access"),
        (
            "memory",
            "limit reservation swap kernel kernelTCP swappiness disableOOMKiller useHierarchy checkBeforeUpdate"
        ),
        ("cpu", "shares quota burst period realtimeRuntime realtimePeriod cpus mems idle"),
        ("pids", "limit"),
        (
            "blockIO",
            "weight leafWeight weightDevice throttleReadBpsDevice throttleWriteBpsDevice throttleReadIOPSDevice "
                + "throttleWriteIOPSDevice"
        ),
        ("blockIO.weightDevice", "major minor weight leafWeight"),
        ("blockIO.throttleReadBpsDevice", throttle), ("blockIO.throttleWriteBpsDevice", throttle),
        ("blockIO.throttleReadIOPSDevice", throttle), ("blockIO.throttleWriteIOPSDevice", throttle),
        ("hugepageLimits", "pageSize limit"),
        ("network", "classID priorities"),
        ("network.priorities", "name priority"),
        ("rdma.*", "hcaHandles hcaObjects"),
    ]

    /// Objects whose keys are chosen by the user.
    static let maps = [
        "annotations", "linux.sysctl", "linux.netDevices", "linux.timeOffsets", "linux.resources.unified",
        "linux.resources.rdma", "unified", "rdma",
    ]

    private static let hook = "path args env timeout"
    private static let throttle = "major minor rate"
    private static let resources = "linux.resources"
}

extension Spec {
    /// Reads the text of a `config.json`; throws `InvalidSpec`.
    /// - Parameters:
    ///   - bytes: the text, UTF-8.
    ///   - unknown: called with a sentence for each property that the specification does not define.
    public init(config bytes: [UInt8], unknown: (String) -> Void) throws(InvalidSpec) {
        let document = try JSONDocument(bytes)
        self = try document.decode()
        document.tellUnknown(KnownProperties.ofConfig, to: unknown)
    }
}

extension LinuxResources {
    /// Reads the resources document of `update`; throws `InvalidSpec`. A document `null` changes nothing, as for runc.
    public init(bytes: [UInt8], unknown: (String) -> Void) throws(InvalidSpec) {
        let document = try JSONDocument(bytes)
        self = document.isNull ? LinuxResources() : try document.decode()
        document.tellUnknown(KnownProperties.ofResources, to: unknown)
    }
}

extension Process {
    /// Reads the process document of `exec`; throws `InvalidSpec`.
    /// - Parameters:
    ///   - bytes: the text, UTF-8.
    ///   - unknown: as for a `config.json`.
    public init(process bytes: [UInt8], unknown: (String) -> Void) throws(InvalidSpec) {
        let document = try JSONDocument(bytes)
        self = try document.decode()
        document.tellUnknown(KnownProperties.ofConfig, at: "process", to: unknown)
    }
}

extension [Mount] {
    /// Reads the list of `mounts add`; throws `InvalidSpec`.
    /// - Parameters:
    ///   - bytes: the text, UTF-8.
    ///   - unknown: as for a `config.json`.
    public init(mounts bytes: [UInt8], unknown: (String) -> Void) throws(InvalidSpec) {
        let document = try JSONDocument(bytes)
        self = try document.decode()
        document.tellUnknown(KnownProperties.ofConfig, at: "mounts", shown: "mounts", to: unknown)
    }
}

extension JSONDocument {
    /// Reports the properties that a table does not contain: the first twenty, and the number of the others.
    /// - Parameters:
    ///   - path: the place in the table that the document as a whole has.
    ///   - shown: the same for the messages; nothing where they name the document's own properties.
    func tellUnknown(
        _ known: [(path: String, names: String)], at path: String = "", shown: String = "", to tell: (String) -> Void
    ) {
        let most = 20
        var count = 0
        withoutActuallyEscaping(tell) { tell in
            UnknownProperties(known: known) { sentence in
                count += 1
                if count <= most { tell(sentence()) }
            }.visit(root, path: path) { shown }
        }
        if count > most { tell("\(count - most) further properties are not of the specification, and ignored") }
    }
}

/// Walks through a document and compares it with the table.
struct UnknownProperties {
    let known: [(path: String, names: String)]
    let tell: (_ sentence: () -> String) -> Void

    /// The properties of the objects at one path.
    private struct Properties {
        let isMap: Bool
        /// Separated by spaces.
        let names: String
    }

    /// Looks at a member of a document, or at the document itself. Most members are neither lists nor objects; for these no
    /// path is made.
    /// - Parameters:
    ///   - path: the path in the table, without indices.
    ///   - shown: the key path for the message.
    func visit(_ node: JSONNode, path: @autoclosure () -> String, shown: () -> String) {
        guard node.kind == .array || node.kind == .object else { return }
        let path = path()
        // Objects of other platforms are not checked.
        guard let properties = properties(at: path) else { return }
        visit(node, properties, path, shown)
    }

    private func properties(at path: String) -> Properties? {
        if KnownProperties.maps.contains(path) { return Properties(isMap: true, names: "") }
        guard let entry = known.first(where: { $0.path == path }) else { return nil }
        return Properties(isMap: false, names: entry.names)
    }

    private func visit(_ node: JSONNode, _ properties: Properties, _ path: String, _ shown: () -> String) {
        switch node.kind {
        case .array:
            for index in 0..<node.count {
                visit(node.element(index), properties, path) { "\(shown())[\(index)]" }
            }
        case .object:
            node.forEachProperty { name, member in
                if properties.isMap {
                    return visit(member, path: path + ".*") { Self.joined(shown(), name) }
                }
                guard let match = Self.match(name, properties.names) else {
                    return tell { sentence(Self.joined(shown(), name), name, properties.names) }
                }
                visit(member, path: Self.joined(path, match)) { Self.joined(shown(), name) }
            }
        default: return
        }
    }

    private static func joined(_ path: String, _ name: String) -> String { path.isEmpty ? name : path + "." + name }

    private static func match(_ name: String, _ names: String) -> String? {
        if holds(names, name) { return name }
        return words(names).first { isSame(name, $0) }.flatMap { String($0) }
    }

    private static func words(_ names: String) -> [Substring.UTF8View] {
        names.utf8.split(separator: UInt8(ascii: " "))
    }

    /// Whether a name is one of the words. Nearly every property is, so that the words need not be taken apart.
    private static func holds(_ names: String, _ name: String) -> Bool {
        var (names, name) = (names, name)
        return names.withUTF8 { names in
            name.withUTF8 { name in
                var begin = 0
                while begin < names.count {
                    var end = begin
                    var isSame = true
                    while end < names.count, unsafe names[end] != UInt8(ascii: " ") {
                        if isSame { isSame = unsafe end - begin < name.count && names[end] == name[end - begin] }
                        end += 1
                    }
                    if isSame, end - begin == name.count { return true }
                    begin = end + 1
                }
                return false
            }
        }
    }

    private func sentence(_ place: String, _ name: String, _ names: String) -> String {
        let known = Self.words(names).compactMap { String($0) }
        return "\(place): no property of the specification, and ignored" + suggestion(for: name, among: known)
    }

    private static func isSame(_ name: String, _ known: Substring.UTF8View) -> Bool {
        var key = Array(known)
        key.append(0)
        return unsafe name.withCString { text in
            unsafe text.withMemoryRebound(to: UInt8.self, capacity: name.utf8.count + 1) {
                unsafe JSONKey.matches($0, key)
            }
        }
    }
}
