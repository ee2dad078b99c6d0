// The usual record, read without a document: each command of a container reads one, and a tree of JSON values with its
// types costs half of the instructions of `state`.

internal import Cgroups
internal import struct Kernel.FileIdentity
package import OCISpec

extension ContainerRecord {
    /// Reads a record, from the form in which `write(to:)` leaves it or from any other JSON.
    package init(record bytes: [UInt8]) throws(InvalidSpec) {
        if let usual = Self.usual(bytes) { self = usual } else { self = try ContainerRecord(json: bytes) }
    }

    /// The record, if it stands in exactly the form in which `write(to:)` leaves it, and in ASCII; nil says nothing of it.
    package static func usual(_ bytes: [UInt8]) -> ContainerRecord? {
        bytes.withUnsafeBufferPointer { bytes in
            var reader = ContainerRecordReader(bytes: bytes)
            return reader.record()
        }
    }
}

/// Reads the keys of a record in the order in which they are written.
private struct ContainerRecordReader {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0
    /// Whether the text differs from the written form; the values are of no use then.
    var hasFailed = false

    mutating func record() -> ContainerRecord? {
        require(#"{"ready":"#)
        let ready = number()
        let id = text(of: #","id":"#)
        let version = text(of: #","ociVersion":"#)
        let bundle = text(of: #","bundle":"#)
        let rootfs = text(of: #","rootfs":"#)
        let pid = Int32(exactly: number(of: #","pid":"#))
        let startTime = number(of: #","startTime":"#)
        let identity = optionalNumber(of: #","initIdentity":"#)
        let created = text(of: #","created":"#)
        let owner = UInt32(exactly: number(of: #","owner":"#))
        require(#","cgroup":"#)
        let cgroup = location()
        let namespaces = number(of: #","namespaces":"#)
        guard !hasFailed, let pid, let owner, let cgroup, ready <= 1 else { return nil }
        var record = ContainerRecord(
            id: id, ociVersion: version, bundle: bundle, rootfs: rootfs, created: created, owner: owner,
            cgroup: cgroup, namespaces: namespaces, annotations: [:])
        record.isReady = ready == 1
        record.pid = pid
        record.startTime = startTime
        record.initIdentity = identity ?? 0
        readRest(into: &record)
        return !hasFailed && position == bytes.count ? record : nil
    }

    private mutating func readRest(into record: inout ContainerRecord) {
        record.createdNamespaces = number(of: #","createdNamespaces":"#)
        if take(#","resourceGroups":"#) { record.resourceGroups = list { reader in reader.text() } }
        if take(#","resourceGroupInodes":"#) { record.resourceGroupInodes = list { reader in reader.number() } }
        if let below = optionalNumber(of: #","mountBelowRoot":"#) {
            record.mountBelowRoot = Int(exactly: below)
            if record.mountBelowRoot == nil { hasFailed = true }
        }
        record.mountOfRoot = optionalNumber(of: #","mountOfRoot":"#)
        if let inode = optionalNumber(of: #","movedRootInode":"#) {
            record.movedRoot = FileIdentity(device: number(of: #","movedRootDevice":"#), inode: inode)
        }
        if let inode = optionalNumber(of: #","bundleInode":"#) {
            record.bundleDirectory = FileIdentity(device: number(of: #","bundleDevice":"#), inode: inode)
        }
        record.hasSeccomp = take(#","hasSeccomp":true"#)
        record.execNeedsConfig = take(#","execNeedsConfig":true"#)
        record.hasPoststartHooks = take(#","hasPoststartHooks":true"#)
        record.hasPoststopHooks = take(#","hasPoststopHooks":true"#)
        if take(#","annotations":{"#) { record.annotations = members() }
        if take(#","oomScoreAdj":"#) {
            let isNegative = take("-")
            let value = Int(exactly: number()).map { isNegative ? -$0 : $0 }
            record.oomScoreAdj = value
            if value == nil { hasFailed = true }
        }
        if let criu = optionalNumber(of: #","criu":"#) {
            record.criu = Int32(exactly: criu) ?? 0
            if record.criu == 0 { hasFailed = true }
        }
        record.criuStartTime = optionalNumber(of: #","criuStartTime":"#) ?? 0
        require("}")
    }

    private mutating func location() -> CgroupLocation? {
        require(#"{"driver":"#)
        let driver = CgroupDriver(rawValue: text())
        let hierarchy = CgroupHierarchy(rawValue: text(of: #","hierarchy":"#))
        let unit = take(#","unit":"#) ? text() : nil
        let isUserUnit = take(#","isUserUnit":true"#)
        require(#","directories":"#)
        let directories = list { reader in reader.directory() }
        require("}")
        guard let driver, let hierarchy else { return nil }
        return CgroupLocation(
            driver: driver, hierarchy: hierarchy, directories: directories, unit: unit, isUserUnit: isUserUnit)
    }

    private mutating func directory() -> CgroupDirectory {
        require(#"{"controllers":"#)
        let controllers = list { reader in reader.text() }
        let mount = text(of: #","mount":"#)
        let path = text(of: #","path":"#)
        let inode = optionalNumber(of: #","inode":"#)
        require("}")
        return CgroupDirectory(controllers: controllers, mount: mount, path: path, inode: inode)
    }

    @inline(__always)
    private mutating func list<Element>(_ element: (inout ContainerRecordReader) -> Element) -> [Element] {
        require("[")
        var elements: [Element] = []
        if take("]") { return elements }
        while !hasFailed {
            elements.append(element(&self))
            if take("]") { break }
            require(",")
        }
        return elements
    }

    private mutating func members() -> TextMap<String> {
        var members = TextMap<String>()
        while !hasFailed {
            let key = text()
            require(":")
            // The last of two equal keys counts in JSON, and is never written.
            if members.updateValue(text(), forKey: key) != nil { hasFailed = true }
            if take("}") { break }
            require(",")
        }
        return members
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count, !hasFailed else { return false }
        for offset in 0..<count where bytes[position + offset] != word.utf8Start[offset] { return false }
        position += count
        return true
    }

    private mutating func require(_ word: StaticString) {
        if !take(word) { hasFailed = true }
    }

    private mutating func text(of key: StaticString) -> String {
        require(key)
        return text()
    }

    private mutating func number(of key: StaticString) -> UInt64 {
        require(key)
        return number()
    }

    private mutating func optionalNumber(of key: StaticString) -> UInt64? {
        take(key) ? number() : nil
    }

    private mutating func text() -> String {
        require("\"")
        let start = position
        while !hasFailed, position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: bytes[start..<position - 1], as: UTF8.self)
            case UInt8(ascii: "\\"): return escapedText(from: start)
            case 0x20..<0x7f: position += 1
            default: hasFailed = true
            }
        }
        hasFailed = true
        return ""
    }

    // Engines put JSON into annotations.
    private mutating func escapedText(from start: Int) -> String {
        var unescaped = Array(bytes[start..<position])
        while !hasFailed, position + 1 < bytes.count {
            let byte = bytes[position]
            position += 1
            switch (byte, bytes[position]) {
            case (UInt8(ascii: "\""), _): return String(decoding: unescaped, as: UTF8.self)
            case (UInt8(ascii: "\\"), UInt8(ascii: "\"")), (UInt8(ascii: "\\"), UInt8(ascii: "\\")):
                unescaped.append(bytes[position])
                position += 1
            case (UInt8(ascii: "\\"), UInt8(ascii: "n")):
                unescaped.append(UInt8(ascii: "\n"))
                position += 1
            case (0x20..<0x7f, _) where byte != UInt8(ascii: "\\"): unescaped.append(byte)
            default: hasFailed = true
            }
        }
        hasFailed = true
        return ""
    }

    /// A whole number without a sign, as decimal digits; no other way to write it is taken.
    private mutating func number() -> UInt64 {
        let start = position
        var value: UInt64 = 0
        while position < bytes.count, let digit = UInt64(exactly: Int(bytes[position]) - 0x30), digit < 10 {
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, exceeds) = product.addingReportingOverflow(digit)
            if overflows || exceeds { hasFailed = true }
            value = sum
            position += 1
        }
        if position == start || bytes[start] == 0x30 && position > start + 1 { hasFailed = true }
        return value
    }
}
