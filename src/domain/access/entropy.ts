/**
 * How much entropy a key's form admits, in bits: an upper bound, which no form reaches by
 * being long alone. Text that was drawn at random keeps the full value of its alphabet, so
 * that 32 hexadecimal digits have 128 bits. What people type does not: repeats, sequences,
 * words and phrases count for little.
 */
export function entropyOfForm(whole: string): number {
  const text = whole.slice(0, MAX_JUDGED);
  const uuid = UUID.exec(text);
  if (uuid !== null) return UUID_BITS[uuid[1]!] ?? 0;
  const phrase = bitsOfPhrase(text);
  if (phrase !== undefined) return phrase;
  const body = withoutGrouping(text.replace(LABELS, ""));
  const alphabet = alphabetOf(body);
  return alphabet < 2 ? 0 : unforetold(body.toLowerCase()) * Math.log2(alphabet);
}

/** Longer keys are judged by their beginning, which is more than enough. */
const MAX_JUDGED = 512;

/** RFC 9562: of 128 bits, version and variant are given, and in most versions time or place too. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const UUID_BITS: Readonly<Record<string, number>> = { "4": 122, "7": 74 };

/** What vendors write before a key, to say what it is. */
const LABELS = /^(?:(?:sk|pk|rk|key|api|apikey|token|secret|live|test|prod|dev|app|bot|ci|proj)[-_.])+/i;

/** Words and keyboard rows that stand in made-up keys. */
const WORDS =
  /password|passwort|passw0rd|p@ssw0rd|secret|changeme|change|letmein|welcome|admin|default|example|sample|qwertyuiop|qwerty|asdfghjkl|zxcvbnm|iloveyou|master|gateway|sallyport|provider|openai|anthropic|apikey|token|insecure|please|dummy|testing|test/g;

/** A word of a phrase drawn from a list has about 13 bits (Diceware: log2 of 7776), a digit log2 of 10. */
const WORD_BITS = 12.9;
const DIGIT_BITS = Math.log2(10);

const SEPARATED =
  /^(?:(?:[A-Z]?[a-z]{2,11}|[A-Z]{3,12}|\d{1,8})[-_. ])+(?:[A-Z]?[a-z]{2,11}|[A-Z]{3,12}|\d{1,8})[!?.]*$/;
const CAPITALISED = /^(?:[A-Z][a-z]{2,11}){3,}\d{0,8}[!?.]*$/;

/** Bits of a phrase of words; undefined where the text is no phrase. */
function bitsOfPhrase(text: string): number | undefined {
  const words = text.match(/[A-Z]?[a-z]{2,}|[A-Z]{3,}/g)?.length ?? 0;
  if (words < 3 || !(SEPARATED.test(text) || CAPITALISED.test(text))) return undefined;
  return words * WORD_BITS + (text.match(/\d/g)?.length ?? 0) * DIGIT_BITS;
}

/** Hyphens and their like at equal distances only make a key easier to read. */
function withoutGrouping(text: string): string {
  for (const separator of ["-", "_", ":", "."]) {
    const groups = text.split(separator);
    const [first] = groups;
    if (groups.length >= 3 && first !== "" && groups.every((group) => group.length === first?.length))
      return groups.join("");
  }
  return text;
}

/** Size of the alphabet that the text seems to be drawn from; what it really uses, where that is much less. */
function alphabetOf(text: string): number {
  const distinct = new Set(text).size;
  let size = 0;
  if (/^(?:[0-9a-f]+|[0-9A-F]+)$/.test(text) && /[a-f]/i.test(text)) {
    size = 16;
  } else {
    // A random key may lack a digit by chance: 1 in 50 of 22 characters of base 62 do, and 1 in
    // 200 of 26 characters of base 32. They were drawn from the whole alphabet all the same.
    const [lower, upper, digit] = [/[a-z]/.test(text), /[A-Z]/.test(text), /[0-9]/.test(text)];
    if (lower && upper) size = 62;
    else if (lower || upper) size = digit ? 36 : 32;
    else if (digit) size = 10;
    size += new Set(text.replace(/[0-9A-Za-z]/g, "")).size;
  }
  // A random text of n characters is expected to use size × (1 − (1 − 1/size)^n) different
  // ones; that it uses less than half of that happens to fewer than one key in a billion.
  const expected = size * (1 - (1 - 1 / size) ** text.length);
  return distinct * 2 < expected ? distinct : size;
}

/** Shortest repeat and sequence that are no chance. In 32 random hex digits either occurs once in 300,000 keys. */
const MIN_REPEAT = 8;
const MIN_SEQUENCE = 7;
const ORDER = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Characters that those before them do not foretell: a repeat, a sequence or a word counts as one. */
function unforetold(text: string): number {
  const plain = text.replace(WORDS, "\u0000");
  let count = 0;
  for (let at = 0; at < plain.length; count++) {
    at += Math.max(1, repeatAt(plain, at), sequenceAt(plain, at));
  }
  return count;
}

/** Length of what stands at `at` and has stood before; 0 where it is too short to mean something. */
function repeatAt(text: string, at: number): number {
  let longest = 0;
  for (let from = text.indexOf(text.slice(at, at + MIN_REPEAT)); from !== -1 && from < at; ) {
    let length = 0;
    while (at + length < text.length && text[from + length] === text[at + length]) length++;
    longest = Math.max(longest, length);
    from = text.indexOf(text.slice(at, at + MIN_REPEAT), from + 1);
  }
  return longest >= MIN_REPEAT ? longest : 0;
}

/** Length of the run of neighbours (`34567`, `fedcba`) at `at`; 0 where it is too short to mean something. */
function sequenceAt(text: string, at: number): number {
  const place = (index: number) => ORDER.indexOf(text[index] ?? "");
  const step = place(at + 1) - place(at);
  if (place(at) < 0 || Math.abs(step) !== 1) return 0;
  let length = 2;
  while (place(at + length) - place(at + length - 1) === step && place(at + length) >= 0) length++;
  return length >= MIN_SEQUENCE ? length : 0;
}
