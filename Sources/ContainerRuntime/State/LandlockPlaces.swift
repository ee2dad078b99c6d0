// The files and directories of the init's Landlock rules: the paths may lead elsewhere later.

internal import Kernel
internal import Planning

extension ContainerDirectory {
    // A line for each rule, in their order: device and inode.
    private static let rulePlacesName = "landlock"

    /// Remembers the files and directories of the rules.
    borrowing func rememberRulePlaces(_ places: [FileIdentity]) throws(Failure) {
        let lines = places.map { "\($0.device) \($0.inode)\n" }
        try write(Self.rulePlacesName, Array(lines.joined().utf8))
    }

    /// Binds the rules of an exec process to what the init has them for. An earlier version has written none: then the paths count.
    borrowing func bindToPlaces(_ plan: inout ProcessPlan) throws(Failure) {
        guard var landlock = plan.landlock, landlock.handled != 0, !landlock.rules.isEmpty else { return }
        let number = descriptor.rawValue
        let text = try during("read \(path)/\(Self.rulePlacesName)") { () throws(Errno) -> String? in
            do throws(Errno) {
                let file = try OwnedDescriptor.open(Self.rulePlacesName, .noFollow | .nonBlocking, at: number)
                return String(decoding: try readAll(file.rawValue), as: UTF8.self)
            } catch {
                guard error == .noSuchFileOrDirectory else { throw error }
                return nil
            }
        }
        guard let places = text?.split(separator: "\n").compactMap(FileIdentity.init) else { return }
        guard places.count == landlock.rules.count else {
            throw Failure(.damaged, "\(path)/\(Self.rulePlacesName) is damaged: it does not fit the Landlock rules")
        }
        for (index, place) in places.enumerated() { landlock.rules[index].place = place }
        plan.landlock = landlock
    }
}

extension FileIdentity {
    fileprivate init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 2, let device = UInt64(fields[0]), let inode = UInt64(fields[1]) else { return nil }
        self.init(device: device, inode: inode)
    }

    /// For a message: eight bytes each, the least significant first.
    var bytes: [UInt8] {
        messageBytes(device) + messageBytes(inode)
    }

    /// From a message, after its first byte.
    init?(bytes: [UInt8]) {
        guard bytes.count == 17 else { return nil }
        self.init(device: messageWord(bytes, at: 1), inode: messageWord(bytes, at: 9))
    }
}
