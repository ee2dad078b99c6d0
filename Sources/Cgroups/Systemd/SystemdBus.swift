// The requests to systemd, and the addresses of its sockets.

internal import Glibc
internal import Kernel
internal import OCISpec

/// A connection to a systemd manager: the system's, or the user's own.
struct SystemdBus: ~Copyable {
    private var connection: DBusConnection
    /// Whether the peer is systemd itself, not a bus; it sends such peers the signals of jobs without a subscription.
    private let isDirect: Bool

    private init(_ connection: consuming DBusConnection, isDirect: Bool) {
        self.connection = connection
        self.isDirect = isDirect
    }

    /// Connects to systemd's own socket, which costs least, or to the bus.
    static func open(isUser: Bool) throws(CgroupFailure) -> SystemdBus {
        let uid = uidOutside()
        var reasons: [String] = []
        for (address, isBus) in addresses(isUser: isUser) {
            do throws(DBusFailure) {
                return SystemdBus(try DBusConnection.open(address, uid: uid, isBus: isBus), isDirect: !isBus)
            } catch {
                reasons.append("\(address): \(error.message)")
            }
        }
        if reasons.isEmpty { reasons = ["neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set"] }
        throw CgroupFailure(.unavailable, "connect to systemd: \(reasons.joined(separator: "; "))")
    }

    /// The addresses of systemd, in order of preference.
    private static func addresses(isUser: Bool) -> [(String, isBus: Bool)] {
        func variable(_ name: String) -> String? { getenv(name).map { RawText.text($0) } }
        var result: [(String, isBus: Bool)] = []
        if isUser {
            let directory = variable("XDG_RUNTIME_DIR")
            if let directory { result.append(("\(directory)/systemd/private", false)) }
            if let path = variable("DBUS_SESSION_BUS_ADDRESS").flatMap(socketPath) {
                result.append((path, true))
            } else if let directory {
                result.append(("\(directory)/bus", true))
            }
            return result
        }
        if geteuid() == 0 { result.append(("/run/systemd/private", false)) }
        result.append((variable("DBUS_SYSTEM_BUS_ADDRESS").flatMap(socketPath) ?? "/run/dbus/system_bus_socket", true))
        return result
    }

    /// The socket of an address such as `unix:path=/run/bus,guid=…`; nil for other kinds.
    static func socketPath(_ address: String) -> String? {
        for one in address.split(separator: ";") where one.hasPrefix("unix:") {
            for (name, value) in StatisticsFiles.pairs(one.dropFirst("unix:".count).split(separator: ",")) {
                if name == "path" { return unescaped(value) }
                if name == "abstract" { return "@" + unescaped(value) }
            }
        }
        return nil
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return RawText.text(bytes)
    }

    /// The caller's user id outside its user namespace.
    private static func uidOutside() -> UInt32 {
        let own = geteuid()
        guard let text = try? readText("/proc/self/uid_map") else { return own }
        return [LinuxIDMapping](mapText: text).hostID(of: own) ?? own
    }

    private mutating func call(
        _ member: String, _ body: [DBusValue], interface: String = "org.freedesktop.systemd1.Manager",
        path: String = "/org/freedesktop/systemd1"
    ) throws(DBusFailure) -> [DBusValue] {
        try connection.call(
            DBusMessage(
                kind: .call, path: path, interface: interface, member: member, destination: "org.freedesktop.systemd1",
                body: body))
    }

    private mutating func property(_ name: String, of interface: String, at path: String) throws(DBusFailure) -> String?
    {
        let body = [DBusValue.string(interface), .string(name)]
        return try call("Get", body, interface: "org.freedesktop.DBus.Properties", path: path).first?.text
    }

    /// The number before the first dot of systemd's version.
    mutating func version() throws(DBusFailure) -> Int {
        let text =
            try property("Version", of: "org.freedesktop.systemd1.Manager", at: "/org/freedesktop/systemd1") ?? ""
        return Int(text.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
    }

    /// The manager's own cgroup.
    mutating func managerPath() throws(DBusFailure) -> String {
        try property("ControlGroup", of: "org.freedesktop.systemd1.Manager", at: "/org/freedesktop/systemd1") ?? ""
    }

    /// Starts a unit that is removed when it ends, and waits until it runs.
    mutating func startTransient(_ name: String, _ properties: [SystemdProperty]) throws(DBusFailure) {
        let version = try version()
        let values = properties.filter { $0.since <= version }.map { $0.argument }
        let body: [DBusValue] = [
            .string(name), .string("replace"), .array("(sv)", values), .array("(sa(sv))", []),
        ]
        var answer: [DBusValue]
        do throws(DBusFailure) {
            answer = try call("StartTransientUnit", body)
        } catch .answered(name: "org.freedesktop.systemd1.UnitExists", _) {
            // Resets an earlier unit of this name that failed.
            try reset(name)
            answer = try call("StartTransientUnit", body)
        }
        try wait(for: answer.first?.text ?? "", of: name)
    }

    /// Stops a unit and waits for the end; a missing unit is not an error.
    mutating func stop(_ name: String) throws(DBusFailure) {
        do throws(DBusFailure) {
            let answer = try call("StopUnit", [.string(name), .string("replace")])
            try wait(for: answer.first?.text ?? "", of: name, expecting: nil)
        } catch .answered(name: "org.freedesktop.systemd1.NoSuchUnit", _) {
        }
    }

    /// Resets the failed state of a unit; a missing unit is not an error.
    mutating func reset(_ name: String) throws(DBusFailure) {
        do throws(DBusFailure) {
            _ = try call("ResetFailedUnit", [.string(name)])
        } catch .answered(name: "org.freedesktop.systemd1.NoSuchUnit", _) {
        }
    }

    /// Moves processes into a running unit, or into a cgroup below it.
    /// - Parameter path: the cgroup below the unit's own, from `/`; empty for the unit's own.
    mutating func attach(_ pid: Int32, to name: String, path: String) throws(DBusFailure) {
        _ = try call(
            "AttachProcessesToUnit", [.string(name), .string(path), .array("u", [.uint32(UInt32(pid))])])
    }

    /// Changes properties of a running unit; returns after systemd has written them to the cgroup.
    mutating func set(_ properties: [SystemdProperty], of name: String) throws(DBusFailure) {
        let version = try version()
        let values = properties.filter { $0.since <= version }.map { $0.argument }
        if values.isEmpty { return }
        _ = try call("SetUnitProperties", [.string(name), .boolean(true), .array("(sv)", values)])
        // systemd writes them after this answer, but before it handles the next message.
        _ = try self.version()
    }

    /// Waits for a job. systemd sends the end of a job to direct peers. On a bus the job is polled, because after a
    /// subscription systemd would send all subscribers signals of all units.
    private mutating func wait(for job: String, of unit: String, expecting wanted: String? = "done") throws(DBusFailure)
    {
        let deadline = DBusConnection.Deadline(seconds: 30)
        guard isDirect else { return try poll(job, of: unit, deadline, isStart: wanted != nil) }
        let end = try connection.signal("JobRemoved", until: deadline) { $0.count == 4 && $0[1].text == job }
        let result = end[3].text ?? ""
        if let wanted, result != wanted {
            throw .answered(name: "", text: "the job to start it ended as \"\(result)\"")
        }
    }

    private mutating func poll(
        _ job: String, of unit: String, _ deadline: DBusConnection.Deadline, isStart: Bool
    ) throws(DBusFailure) {
        var delay = 500
        while deadline.remaining > 0 {
            do throws(DBusFailure) {
                _ = try property("State", of: "org.freedesktop.systemd1.Job", at: job)
            } catch .answered(name: "org.freedesktop.DBus.Error.UnknownObject", _) {
                guard isStart else { return }
                let path = try call("GetUnit", [.string(unit)]).first?.text ?? ""
                let state = try property("ActiveState", of: "org.freedesktop.systemd1.Unit", at: path) ?? ""
                if state == "active" { return }
                throw .answered(name: "", text: "it is \"\(state)\" after it was started")
            }
            pause(microseconds: delay)
            delay = min(delay * 2, 20_000)
        }
        throw .timedOut
    }
}
