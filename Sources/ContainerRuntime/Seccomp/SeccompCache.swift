// Compiled seccomp filters, kept by content: compiling an engine's profile takes longer than all the rest of a start.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The filter of a container, kept in its directory for the processes that exec adds.
enum StoredFilter {
    private static let name = "seccomp.bpf"

    static func write(_ filter: SeccompFilter, to directory: borrowing ContainerDirectory) throws(Failure) {
        let flags = withUnsafeBytes(of: filter.flags.rawValue) { Array($0) }
        try directory.write(name, flags + checksum(filter.program[...]) + filter.program)
    }

    static func read(from directory: borrowing ContainerDirectory) throws(Failure) -> SeccompFilter {
        let number = directory.descriptor.rawValue
        let bytes = try during("read \(directory.path)/\(name)") { () throws(Errno) in try readFile(name, at: number) }
        guard bytes.count > 12, bytes.count % 8 == 4, checksum(bytes[12...]).elementsEqual(bytes[4..<12]) else {
            throw Failure(.other, "\(directory.path)/\(name): is not a filter")
        }
        let flags = bytes.withUnsafeBytes { $0.load(as: UInt32.self) }
        return SeccompFilter(program: Array(bytes[12...]), flags: SeccompFlags(rawValue: flags))
    }
}

// Detects a file that a power cut or a full disk has damaged; the unit is an instruction of 8 bytes.
func checksum(_ program: ArraySlice<UInt8>) -> [UInt8] {
    var hash = FNV1a(seed: UInt64(program.count))
    program.withUnsafeBytes { bytes in
        for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
            hash.add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }
    return withUnsafeBytes(of: hash.value) { Array($0) }
}

// The 64-bit hash of Fowler, Noll and Vo, FNV-1a: short and fast, but no protection against an attacker.
private struct FNV1a {
    private(set) var value: UInt64

    init(seed: UInt64 = 0) { value = 0xcbf2_9ce4_8422_2325 ^ seed }

    mutating func add(_ unit: UInt64) { value = (value ^ unit) &* 0x100_0000_01b3 }
}

/// A directory of filters, each file holding the profile it was made from and the program.
///
/// The whole profile is compared, not a digest of it: a file can only ever stand for the profile that it holds.
struct SeccompCache {
    let directory: String

    private static let mostFilters = 64

    init(root: String) { directory = root + "/" + StateStore.filtersName }

    /// The filter for a profile, compiled if it is not there yet.
    func filter(for profile: LinuxSeccomp, _ plan: SeccompPlan) throws(Failure) -> SeccompFilter {
        let flags = SeccompCompiler.flags(plan)
        let key = key(profile)
        let name = fileName(key)
        if let program = load(name, key) { return SeccompFilter(program: program, flags: flags) }
        let program = try SeccompCompiler(plan: plan).program()
        guard program.count / 8 <= 4096 else {
            throw Failure(.invalid, "linux.seccomp: the filter has \(program.count / 8) instructions; 4096 are allowed")
        }
        save(name, key, program)
        return SeccompFilter(program: program, flags: flags)
    }

    // The other inputs of a program besides the profile: the machine, and the version of libseccomp.
    private func key(_ profile: LinuxSeccomp) -> [UInt8] {
        let version = seccomp_version().pointee
        return Array("3 \(seccomp_arch_native()) \(version.major).\(version.minor).\(version.micro) ".utf8)
            + profile.json()
    }

    private func fileName(_ key: [UInt8]) -> String {
        var hash = FNV1a()
        for byte in key { hash.add(UInt64(byte)) }
        return String(hash.value, radix: 16)
    }

    // A cache that another user could have written to is not used.
    private func openDirectory() throws(Errno) -> OwnedDescriptor {
        let found = try OwnedDescriptor.open(directory, .readOnly | .directory | .noFollow)
        let status = try fileStatus(found.rawValue)
        guard status.uid == geteuid(), status.mode & 0o077 == 0 else { throw .notPermitted }
        return found
    }

    private func load(_ name: String, _ key: [UInt8]) -> [UInt8]? {
        do throws(Errno) {
            let place = try openDirectory()
            let file = try OwnedDescriptor.open(name, .noFollow | .nonBlocking, at: place.rawValue)
            let bytes = try readAll(file.rawValue)
            let start = key.count + 8
            guard bytes.count > start, (bytes.count - start) % 8 == 0, bytes[..<key.count].elementsEqual(key),
                checksum(bytes[start...]).elementsEqual(bytes[key.count..<start])
            else { return nil }
            return Array(bytes[start...])
        } catch {
            return nil
        }
    }

    // A cache that cannot be written costs only time.
    private func save(_ name: String, _ key: [UInt8], _ program: [UInt8]) {
        clinux_mkdir(directory, 0o700)
        do throws(Errno) {
            let place = try openDirectory()
            let number = place.rawValue
            let others = try directoryEntries(number)
            if others.count >= Self.mostFilters {
                for entry in others { unlinkat(number, entry.bytes, 0) }
            }
            let temporary = ".\(name).\(clinux_getpid())"
            let file = try OwnedDescriptor.open(
                temporary, .writeOnly | .create | .exclusive | .noFollow, mode: 0o600, at: number)
            try writeAll(key + checksum(program[...]) + program, to: file.rawValue)
            try checked { clinux_renameat2(number, temporary, number, name, 0) }
        } catch {}
    }
}
