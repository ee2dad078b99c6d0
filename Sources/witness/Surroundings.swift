// The environment of the process: mounts, devices, network, descriptors, cgroups, host name.

internal import CLinux
internal import Glibc

/// The mounts by mount point; if several are on one point, the topmost.
func observeMounts() -> JSON {
    guard let table = readText("/proc/self/mountinfo", limit: 64 << 20) else { return .null }
    var order: [String] = []
    var mounts: [String: JSON] = [:]
    var layers: [String: Int] = [:]
    for (index, line) in table.lines.enumerated() {
        guard let (point, facts) = mount(line, index) else { continue }
        layers[point, default: 0] += 1
        if mounts[point] == nil { order.append(point) }
        mounts[point] = .object(facts + [("layers", .int(layers[point, default: 1]))])
    }
    return .object(order.map { ($0, mounts[$0] ?? .null) })
}

private func mount(_ line: Substring, _ index: Int) -> (String, [(String, JSON)])? {
    let fields = line.split(separator: " ", omittingEmptySubsequences: false)
    guard fields.count > 9, let dash = fields.firstIndex(of: "-"), fields.count > dash + 2 else { return nil }
    var facts: [(String, JSON)] = [
        ("order", .int(index)), ("fstype", .string(String(fields[dash + 1]))),
        ("source", .string(unescape(fields[dash + 2]))), ("root", .string(unescape(fields[3]))),
        ("device", .string(String(fields[2]))), ("options", .strings(split(fields[5]))),
        ("superOptions", .strings(fields.count > dash + 3 ? split(fields[dash + 3]) : [])),
    ]
    let tags = fields[6..<dash].filter { !$0.isEmpty }
    var kinds: [String] = []
    for tag in tags {
        if tag.hasPrefix("shared:") { kinds.append("shared") }
        if tag.hasPrefix("master:") { kinds.append("slave") }
        if tag == "unbindable" { kinds.append("unbindable") }
    }
    facts.append(("propagation", .string(kinds.isEmpty ? "private" : kinds.joined(separator: ","))))
    return (unescape(fields[4]), facts)
}

private func split(_ options: Substring) -> [String] { options.split(separator: ",").map(String.init) }

/// Decodes the octal escapes of mountinfo: `\040` is a space.
private func unescape(_ field: Substring) -> String {
    let bytes = Array(field.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "\\"), index + 3 < bytes.count,
            let value = UInt8(String(decoding: bytes[index + 1...index + 3], as: UTF8.self), radix: 8)
        {
            result.append(value)
            index += 4
        } else {
            result.append(bytes[index])
            index += 1
        }
    }
    return String(decoding: result, as: UTF8.self)
}

/// The entries of `/dev`, two levels deep.
func observeDevices() -> JSON {
    var entries: [(String, JSON)] = []
    for name in listDirectory("/dev") ?? [] {
        let path = "/dev/" + name
        guard let facts = fileFacts(path) else { continue }
        entries.append((path, .object(facts)))
    }
    return .object(entries)
}

/// The results of lstat(2) and readlink(2) for a path; nil if it does not exist; errno has the reason.
func fileFacts(_ path: String) -> [(String, JSON)]? {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return nil }
    let kinds: [mode_t: String] = [
        S_IFREG: "file", S_IFDIR: "directory", S_IFLNK: "link", S_IFCHR: "char", S_IFBLK: "block", S_IFIFO: "fifo",
        S_IFSOCK: "socket",
    ]
    let kind = kinds[facts.st_mode & S_IFMT] ?? "unknown"
    var result: [(String, JSON)] = [
        ("type", .string(kind)), ("mode", .string(.octal(facts.st_mode & 0o7777))),
        ("uid", .int(facts.st_uid)), ("gid", .int(facts.st_gid)), ("inode", .unsigned(UInt64(facts.st_ino))),
    ]
    if kind == "char" || kind == "block" {
        let device = UInt64(facts.st_rdev)
        result.append(("device", .string("\(clinux_major(device)):\(clinux_minor(device))")))
    }
    if kind == "link", let target = readLink(path) { result.append(("target", .string(target))) }
    if kind == "file" { result.append(("size", .int(facts.st_size))) }
    return result
}

func observeDescriptors() -> JSON {
    var found: [(String, JSON)] = []
    if let names = listDirectory("/proc/self/fd") {
        for number in names.compactMap({ Int32($0) }).sorted() {
            // The descriptor that read the directory is already closed, so its link is gone.
            if let target = readLink("/proc/self/fd/\(number)") { found.append((String(number), .string(target))) }
        }
    } else {
        for number in Int32(0)..<256 where clinux_fcntl(number, 1, 0) >= 0 {  // F_GETFD
            found.append((String(number), .string("unknown")))
        }
    }
    return .object(found)
}

func observeTerminal() -> JSON {
    guard isatty(0) == 1 else { return .bool(false) }
    var rows: UInt16 = 0
    var columns: UInt16 = 0
    _ = clinux_window_size(0, &rows, &columns)
    return .object([
        ("name", readLink("/proc/self/fd/0").map(JSON.string) ?? .null),
        ("rows", .int(rows)), ("columns", .int(columns)),
        ("controlling", .bool(tcgetsid(0) == getsid(0))),
    ])
}

func observeNetwork() -> JSON {
    var interfaces: [(String, JSON)] = []
    let control = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | closeOnExec, 0)
    defer { if control >= 0 { close(control) } }
    guard let list = if_nameindex() else { return .object([]) }
    defer { if_freenameindex(list) }
    let addresses = interfaceAddresses()
    var index = 0
    while let name = list[index].if_name {
        let text = String(cString: name)
        let flags = request(control, 0x8913, text).map { Int($0[16]) | Int($0[17]) << 8 } ?? 0  // SIOCGIFFLAGS
        let unit = request(control, 0x8921, text).map { bytes in  // SIOCGIFMTU
            (0..<4).reduce(0) { $0 | Int(bytes[16 + $1]) << (8 * $1) }
        }
        let hardware = request(control, 0x8927, text).map { bytes in  // SIOCGIFHWADDR
            bytes[18..<24].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
        }
        interfaces.append(
            (
                text,
                .object([
                    ("up", .bool(flags & 1 != 0)), ("mtu", unit.map { .int($0) } ?? .null),
                    ("mac", hardware.map(JSON.string) ?? .null),
                    ("addresses", .strings((addresses[text] ?? []).sorted())),
                ])
            ))
        index += 1
    }
    return .object(interfaces)
}

/// One of the SIOCGIF* requests: the 40 bytes of struct ifreq, which begins with the name (16 bytes).
private func request(_ control: Int32, _ number: UInt, _ name: String) -> [UInt8]? {
    var bytes = Array(name.utf8.prefix(15))
    bytes += [UInt8](repeating: 0, count: 40 - bytes.count)
    let result = bytes.withUnsafeMutableBytes { clinux_ioctl(control, number, $0.baseAddress) }
    return result == 0 ? bytes : nil
}

private func interfaceAddresses() -> [String: [String]] {
    var result: [String: [String]] = [:]
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return result }
    defer { freeifaddrs(first) }
    var next = first
    while let entry = next {
        next = entry.pointee.ifa_next
        guard let address = entry.pointee.ifa_addr else { continue }
        let family = Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { continue }
        var buffer = [CChar](repeating: 0, count: 64)
        let offset = family == AF_INET ? 4 : 8  // sin_addr, sin6_addr
        let raw = UnsafeRawPointer(address).advanced(by: offset)
        guard inet_ntop(family, raw, &buffer, 64) != nil else { continue }
        let text = String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        result[String(cString: entry.pointee.ifa_name), default: []].append(text)
    }
    return result
}

func observeCgroups() -> JSON {
    var result: [(String, JSON)] = []
    for line in (readText("/proc/self/cgroup") ?? "").lines {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { continue }
        result.append((fields[1].isEmpty ? "unified" : String(fields[1]), .string(String(fields[2]))))
    }
    return .object(result)
}
