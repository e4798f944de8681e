/// The text to train on where the user gives none: about 600,000 characters of a small grammar.
public enum BuiltInCorpus {
  /// At every choice the words that can come first differ between the alternatives, so each text has
  /// one derivation only and the entropy of the derivation is that of the text (a test holds it to that).
  public static let grammar = WordGrammar(
    """
    sentence: 12 The <thing> | 6 A <thing> | 3 Every <thing> | 4 Some <things> | 3 Many <things> | 2 These <things> | 3 At <time> , the <thing> | 2 In <season> , many <things>
    thing: 3 <adjective> <noun> <does> | 5 <noun> <does>
    things: 3 <adjective> <nouns> <do> | 5 <nouns> <do>
    does: 9 <acts> <restOfDoes> | 2 who <acts> <acts> <restOfDoes> | 1 always <acts> <restOfDoes>
    do: 9 <act> <restOfDo> | 2 who <act> <act> <restOfDo> | 1 never <act> <restOfDo>
    restOfDoes: 8 <end> | 2 and <acts> <end>
    restOfDo: 8 <end> | 2 and <act> <end>
    end: 1 . <gap>
    gap: 6 SPACE | 1 NEWLINE
    acts: 5 <takes> <object> | 3 <moves> <place>
    act: 5 <take> <object> | 3 <move> <place>
    object: 5 the <goods> | 3 a <goods> | 1 her <goods> | 1 his <goods>
    goods: 1 <colour> <good> | 3 <good>
    place: 4 near the <where> | 3 towards the <where> | 2 behind the <where> | 1 alone | 1 quietly
    time: dawn noon night midnight sunset
    season: summer winter spring autumn
    noun: sailor painter child baker farmer teacher miller soldier doctor singer hunter weaver queen gardener fisherman stranger
    nouns: sailors children painters farmers soldiers singers bakers teachers hunters millers doctors weavers fishermen strangers
    adjective: young quiet tired proud clever gentle lonely patient careful brave curious hungry
    takes: sees keeps finds carries paints sells loves watches forgets mends brings hides
    take: see keep find carry paint sell love watch forget mend bring hide
    moves: walks waits sings sleeps works stands runs rests
    move: walk wait sing sleep work stand run rest
    good: lamp bread boat letter basket book ring cloak candle knife mirror coin song map wheel drum
    colour: white red green golden black silver broken heavy
    where: river harbour mill garden bridge tower market forest church hill well gate
    """)

  /// Part of what the corpus is: never change it, or the grammar, without a new name for the corpus.
  static let seed: UInt64 = 1913

  package static let targetCount = 600_000

  /// The corpus: ASCII text, whole sentences, the same at every call.
  public static func text() -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(targetCount + 200)
    var generator = SplitMix64(state: seed)
    while text.count < targetCount { _ = grammar.appendSentence(to: &text, using: &generator) }
    return text
  }
}
