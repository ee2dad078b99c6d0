// The argument and environment vectors of a program, made before the clone so that the child need not.

internal import Glibc
internal import Kernel

/// Null-terminated vectors for execve(2). They live until the program is executed or the process ends.
struct ExecImage {
    let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    /// The next free place of the environment: there is room for one more entry.
    private let spare: Int

    init(arguments: [String], environment: [String]) {
        self.arguments = Self.vector(arguments, extra: 0)
        self.environment = Self.vector(environment, extra: 1)
        spare = environment.count
    }

    private static func vector(_ strings: [String], extra: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + extra + 1)
        for (index, string) in strings.enumerated() { vector[index] = strdup(RawText.bytes(string)) }
        for index in strings.count...(strings.count + extra) { vector[index] = nil }
        return vector
    }

    /// The environment as it is now.
    var entries: [String] {
        var result: [String] = []
        while let entry = environment[result.count] { result.append(RawText.text(entry)) }
        return result
    }

    /// Adds the entry that is known only inside the container.
    func append(_ entry: String) { environment[spare] = strdup(RawText.bytes(entry)) }
}
