// Which of a list's names were there before, found in linear time whatever a config lists.

/// Names with the place at which each was first seen.
struct EarlierNames {
    private var few: [String] = []
    private var many: [String: Int] = [:]
    // Up to here looking is cheaper than hashing, and every usual config stays below.
    private static let most = 16

    /// Remembers a name, which is the next in its list.
    /// - Returns: the place of the same name before it, if there is one.
    mutating func place(of name: String, at place: Int) -> Int? {
        if many.isEmpty {
            if let earlier = few.firstIndex(of: name) { return places[earlier] }
            if few.count < Self.most {
                few.append(name)
                places.append(place)
                return nil
            }
            for (index, name) in few.enumerated() { many[name] = places[index] }
        }
        if let earlier = many[name] { return earlier }
        many[name] = place
        return nil
    }

    private var places: [Int] = []
}
