// The seccomp filters of the processes in an image: seccomp.img, as CRIU's images/seccomp.proto and image.c define it.

/// The filters that processes of an image have, or inherit.
package struct SeccompImage: Equatable, Sendable {
    package static let name = "seccomp.img"
    /// More than the filters of a thousand processes, each as large as the kernel allows.
    package static let largest = 64 << 20

    /// The programs that no other precedes; every chain of filters begins with one of them, and later ones only restrict it
    /// further. seccomp(2).
    package var first: [[UInt8]] = []

    // Files of version 1.1 begin with a word that all of them have.
    private static let commonMagic: UInt32 = 0x5456_4319
    private static let magic: UInt32 = 0x6441_3049

    /// - Throws: it is not such a file, or CRIU would follow a chain of filters for ever.
    package init(_ bytes: [UInt8]) throws(WireError) {
        var rest = bytes[...]
        var word = try Self.word(&rest)
        if word == Self.commonMagic { word = try Self.word(&rest) }
        guard word == Self.magic else { throw WireError(problem: "no seccomp filters begin like that") }
        let size = Int(try Self.word(&rest))
        guard size <= rest.count else { throw WireError(problem: "the file is cut short") }
        var reader = WireReader(rest.prefix(size))
        var count: UInt64 = 0
        while let (field, value) = try reader.next() {
            guard field == 1 else { continue }
            guard let filter = value.message else { throw WireError(problem: "a filter is no message") }
            try read(filter, number: count)
            count += 1
        }
    }

    private mutating func read(_ filter: WireReader, number: UInt64) throws(WireError) {
        var filter = filter
        var program: [UInt8]?
        var before: UInt64?
        while let (field, value) = try filter.next() {
            switch (field, value) {
            case (1, .bytes(let content)): program = Array(content)
            case (2, .number(let other)): before = other
            default: break
            }
        }
        guard let program else { throw WireError(problem: "filter \(number) has no program") }
        guard let before else { return first.append(program) }
        guard before < number else { throw WireError(problem: "filter \(number) follows filter \(before)") }
    }

    private static func word(_ rest: inout ArraySlice<UInt8>) throws(WireError) -> UInt32 {
        guard rest.count >= 4 else { throw WireError(problem: "the file is cut short") }
        let word = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        rest = rest.dropFirst(4)
        return word
    }
}
