#include "grade/words.h"

#include <array>
#include <cstddef>

namespace fathom {
namespace {

constexpr const char* kAnimals[] = {
    "cat",    "dog",      "horse",   "cow",  "sheep",  "goat",     "pig",     "rabbit", "lion",
    "tiger",  "bear",     "wolf",    "fox",  "monkey", "elephant", "giraffe", "zebra",  "camel",
    "donkey", "squirrel", "hamster", "deer", "mouse",  "kangaroo", "otter",   "beaver",
};
constexpr const char* kBirds[] = {
    "eagle", "sparrow", "owl",     "duck", "goose", "parrot",  "pigeon",
    "robin", "swan",    "penguin", "crow", "raven", "ostrich", "hawk",
};
constexpr const char* kInsects[] = {
    "ant",  "bee",  "beetle",   "butterfly", "mosquito",
    "wasp", "moth", "ladybird", "dragonfly", "grasshopper",
};
constexpr const char* kFruits[] = {
    "apple",     "banana",    "cherry",  "grape",   "lemon",      "mango",
    "melon",     "peach",     "pear",    "plum",    "strawberry", "raspberry",
    "blueberry", "pineapple", "apricot", "coconut", "papaya",     "kiwi",
};
constexpr const char* kVegetables[] = {
    "carrot", "potato", "onion",  "cabbage", "spinach", "lettuce",     "broccoli",
    "celery", "radish", "garlic", "turnip",  "leek",    "cauliflower", "parsnip",
};
constexpr const char* kColours[] = {
    "red",   "blue", "green", "yellow",  "purple",    "brown", "black",
    "white", "grey", "pink",  "scarlet", "turquoise", "beige", "maroon",
};
constexpr const char* kClothing[] = {
    "shirt", "jacket", "sock", "hat",  "scarf",  "glove", "sweater", "skirt",
    "dress", "coat",   "shoe", "boot", "blouse", "belt",  "sandal",  "mitten",
};
constexpr const char* kFurniture[] = {
    "table", "chair",    "sofa",  "bed",   "desk",     "cupboard",
    "shelf", "wardrobe", "stool", "bench", "armchair", "bookcase",
};
constexpr const char* kTools[] = {
    "hammer", "saw",  "screwdriver", "wrench",  "drill", "axe",
    "shovel", "rake", "chisel",      "spanner", "spade",
};
constexpr const char* kVehicles[] = {
    "car",  "bus",  "train",    "bicycle",    "truck", "tractor", "motorbike",
    "ship", "boat", "airplane", "helicopter", "tram",  "van",     "scooter",
};
constexpr const char* kInstruments[] = {
    "piano", "guitar",   "violin",    "flute",    "drum",  "trumpet",   "cello",
    "harp",  "clarinet", "saxophone", "trombone", "banjo", "accordion",
};
constexpr const char* kBody[] = {
    "arm",  "leg", "hand", "foot",  "knee", "elbow", "shoulder", "finger",
    "neck", "ear", "nose", "mouth", "eye",  "ankle", "wrist",    "chin",
};
constexpr const char* kWeather[] = {
    "rain", "snow", "wind", "storm", "fog", "sunshine", "thunder", "lightning", "hail", "frost",
};
constexpr const char* kJobs[] = {
    "teacher", "doctor", "nurse",   "baker",  "farmer",  "pilot",     "carpenter", "plumber",
    "dentist", "lawyer", "painter", "waiter", "butcher", "librarian", "engineer",
};
constexpr const char* kSports[] = {
    "football", "tennis", "basketball", "hockey",    "golf",   "swimming",
    "cycling",  "rugby",  "volleyball", "badminton", "skiing",
};
constexpr const char* kDrinks[] = {
    "water", "tea", "coffee", "milk", "juice", "lemonade", "cocoa", "beer", "wine",
};
constexpr const char* kShapes[] = {
    "circle", "square", "triangle", "rectangle", "cube",
    "sphere", "cone",   "oval",     "pentagon",  "hexagon",
};
constexpr const char* kFlowers[] = {
    "rose", "tulip", "daisy", "lily", "sunflower", "orchid", "daffodil", "poppy", "lavender",
};
constexpr const char* kTrees[] = {
    "oak", "pine", "birch", "maple", "willow", "cedar", "beech", "fir", "poplar",
};
constexpr const char* kRooms[] = {
    "kitchen", "bathroom", "bedroom", "garage", "cellar", "attic", "nursery", "office",
};
constexpr const char* kMetals[] = {
    "iron", "copper", "silver", "gold", "zinc", "tin", "steel", "bronze", "nickel",
};
constexpr const char* kKitchenware[] = {
    "pan",   "pot",   "kettle", "plate",    "bowl",    "fork",
    "spoon", "knife", "cup",    "saucepan", "toaster", "teapot",
};
constexpr const char* kRelatives[] = {
    "mother", "father",      "brother", "sister", "uncle", "aunt",
    "cousin", "grandmother", "nephew",  "niece",  "son",   "daughter",
};
constexpr const char* kBuildings[] = {
    "school", "library", "hospital", "museum", "station", "airport",
    "church", "castle",  "theatre",  "palace", "factory",
};
constexpr const char* kLandforms[] = {
    "mountain", "river", "lake", "forest", "desert", "island",
    "valley",   "ocean", "hill", "beach",  "cave",   "waterfall",
};
constexpr const char* kOtherWords[] = {
    "able",      "above",      "across",   "action",    "address",  "adventure", "afternoon",
    "again",     "agree",      "album",    "alone",     "already",  "always",    "among",
    "ancient",   "angle",      "angry",    "answer",    "anybody",  "appear",    "area",
    "around",    "arrive",     "artist",   "asleep",    "autumn",   "awake",     "award",
    "balance",   "ball",       "balloon",  "basket",    "battle",   "beautiful", "because",
    "become",    "before",     "begin",    "behind",    "believe",  "bell",      "below",
    "beside",    "better",     "between",  "beyond",    "birthday", "bitter",    "blanket",
    "bottle",    "bottom",     "bought",   "branch",    "brave",    "bread",     "breakfast",
    "breath",    "bridge",     "bright",   "bring",     "broken",   "bubble",    "bucket",
    "build",     "busy",       "butter",   "button",    "candle",   "careful",   "carpet",
    "carry",     "catch",      "cause",    "centre",    "certain",  "change",    "cheap",
    "cheese",    "children",   "choose",   "clean",     "clear",    "clever",    "climb",
    "close",     "cloud",      "collect",  "comfort",   "common",   "company",   "complete",
    "contain",   "continue",   "control",  "cook",      "cool",     "copy",      "corner",
    "correct",   "cotton",     "count",    "country",   "courage",  "cover",     "create",
    "crowd",     "curious",    "curtain",  "damage",    "dance",    "danger",    "daily",
    "decide",    "deep",       "deliver",  "describe",  "detail",   "different", "difficult",
    "dinner",    "direction",  "discover", "distance",  "divide",   "double",    "dream",
    "drive",     "during",     "dusty",    "early",     "earth",    "easy",      "edge",
    "effort",    "either",     "electric", "empty",     "enemy",    "energy",    "enjoy",
    "enough",    "enter",      "equal",    "escape",    "evening",  "every",     "exact",
    "example",   "excellent",  "except",   "excited",   "exercise", "expect",    "explain",
    "explore",   "extra",      "face",     "fair",      "family",   "famous",    "fast",
    "favourite", "feather",    "feeling",  "fence",     "fever",    "field",     "figure",
    "final",     "finish",     "fire",     "first",     "flag",     "flat",      "float",
    "floor",     "follow",     "foreign",  "forget",    "forward",  "free",      "fresh",
    "friend",    "frozen",     "funny",    "future",    "game",     "garden",    "gather",
    "gentle",    "giant",      "glad",     "glass",     "gift",     "grass",     "great",
    "ground",    "group",      "grow",     "guess",     "guest",    "guide",     "habit",
    "half",      "happen",     "happy",    "hard",      "harvest",  "health",    "heavy",
    "height",    "hello",      "helpful",  "hidden",    "holiday",  "hollow",    "honest",
    "honey",     "hope",       "hotel",    "house",     "huge",     "hundred",   "hungry",
    "hurry",     "idea",       "imagine",  "important", "inside",   "instead",   "interest",
    "invite",    "jelly",      "join",     "journey",   "judge",    "jump",      "junior",
    "keep",      "key",        "kind",     "king",      "kiss",     "ladder",    "language",
    "large",     "later",      "laugh",    "lazy",      "leader",   "learn",     "leather",
    "leave",     "lesson",     "letter",   "level",     "light",    "listen",    "little",
    "lively",    "local",      "lonely",   "long",      "lucky",    "machine",   "magic",
    "market",    "matter",     "meadow",   "meaning",   "measure",  "medicine",  "meeting",
    "memory",    "message",    "middle",   "minute",    "mirror",   "mistake",   "mixture",
    "modern",    "moment",     "money",    "month",     "moon",     "morning",   "motion",
    "move",      "music",      "mystery",  "narrow",    "nature",   "near",      "necessary",
    "needle",    "neither",    "never",    "noise",     "normal",   "north",     "nothing",
    "notice",    "number",     "object",   "often",     "open",     "opposite",  "orbit",
    "order",     "ordinary",   "outside",  "owner",     "package",  "page",      "paint",
    "paper",     "parcel",     "parent",   "party",     "pattern",  "peace",     "pencil",
    "people",    "perfect",    "perhaps",  "period",    "person",   "picture",   "pillow",
    "pirate",    "planet",     "plant",    "play",      "pleasant", "please",    "pocket",
    "poem",      "point",      "polite",   "poor",      "popular",  "possible",  "powder",
    "practice",  "prepare",    "present",  "pretty",    "price",    "prince",    "princess",
    "prize",     "problem",    "promise",  "proud",     "pull",     "pupil",     "puppet",
    "purpose",   "purse",      "push",     "puzzle",    "queen",    "question",  "quick",
    "quiet",     "quite",      "rather",   "ready",     "really",   "reason",    "receive",
    "record",    "remember",   "repeat",   "report",    "rescue",   "result",    "return",
    "reward",    "ribbon",     "rich",     "right",     "ring",     "road",      "rocket",
    "roof",      "rough",      "round",    "safe",      "salt",     "sand",      "sandwich",
    "science",   "season",     "second",   "secret",    "sentence", "serious",   "seven",
    "shadow",    "sharp",      "shelter",  "shine",     "short",    "shout",     "silent",
    "similar",   "simple",     "single",   "sleep",     "slow",     "small",     "smart",
    "smile",     "smooth",     "soft",     "soldier",   "someone",  "song",      "soup",
    "south",     "space",      "special",  "speed",     "spell",    "spirit",    "spring",
    "stairs",    "stamp",      "start",    "steady",    "stone",    "story",     "strange",
    "street",    "strong",     "student",  "sudden",    "sugar",    "summer",    "surprise",
    "sweet",     "switch",     "system",   "tall",      "teach",    "team",      "temple",
    "ticket",    "tidy",       "tiny",     "tired",     "together", "tomorrow",  "tongue",
    "tower",     "town",       "travel",   "treasure",  "trouble",  "true",      "trust",
    "under",     "understand", "until",    "useful",    "usual",    "village",   "visit",
    "voice",     "wait",       "walk",     "wall",      "warm",     "watch",     "weak",
    "weather",   "week",       "weekend",  "weight",    "welcome",  "west",      "wheel",
    "whisper",   "whole",      "window",   "winter",    "wise",     "wonder",    "wooden",
    "word",      "work",       "world",    "write",     "wrong",    "year",      "young",
};
constexpr const char* kNames[] = {
    "Tom",   "Anna",  "Ben",   "Mia",   "Sam",   "Eva",    "Leo",   "Lily",  "Max",
    "Nina",  "Paul",  "Ruth",  "Jack",  "Emma",  "Noah",   "Zoe",   "Adam",  "Clara",
    "Hugo",  "Ida",   "Oscar", "Vera",  "Felix", "Jane",   "Peter", "Sofia", "Karl",
    "Laura", "Simon", "Julia", "David", "Alice", "Martin", "Olga",
};
constexpr const char* kInventedNouns[] = {
    "wug|wugs",   "blick|blicks", "dax|daxes",  "fep|feps",   "zim|zims",
    "tove|toves", "gorp|gorps",   "lup|lups",   "mib|mibs",   "nerk|nerks",
    "plim|plims", "quib|quibs",   "rond|ronds", "snig|snigs", "tark|tarks",
    "vell|vells", "yom|yoms",     "kiv|kivs",   "drel|drels", "hask|hasks",
};
constexpr const char* kPeople[] = {
    "baker|bakers",   "painter|painters", "singer|singers",     "dancer|dancers",
    "farmer|farmers", "teacher|teachers", "swimmer|swimmers",   "runner|runners",
    "reader|readers", "sailor|sailors",   "gardener|gardeners", "cook|cooks",
    "poet|poets",     "student|students", "driver|drivers",     "hiker|hikers",
    "writer|writers", "skater|skaters",
};

constexpr WordGroup kGroups[] = {
    {"animal|animals", kAnimals, true},
    {"bird|birds", kBirds, true},
    {"insect|insects", kInsects, true},
    {"fruit|fruits", kFruits, false},
    {"vegetable|vegetables", kVegetables, false},
    {"colour|colours", kColours, false},
    {"piece of clothing|pieces of clothing", kClothing, false},
    {"piece of furniture|pieces of furniture", kFurniture, false},
    {"tool|tools", kTools, false},
    {"vehicle|vehicles", kVehicles, false},
    {"instrument|instruments", kInstruments, false},
    {"part of the body|parts of the body", kBody, false},
    {"kind of weather|kinds of weather", kWeather, false},
    {"job|jobs", kJobs, false},
    {"sport|sports", kSports, false},
    {"drink|drinks", kDrinks, false},
    {"shape|shapes", kShapes, false},
    {"flower|flowers", kFlowers, false},
    {"tree|trees", kTrees, false},
    {"room|rooms", kRooms, false},
    {"metal|metals", kMetals, false},
    {"piece of kitchenware|pieces of kitchenware", kKitchenware, false},
    {"relative|relatives", kRelatives, false},
    {"building|buildings", kBuildings, false},
    {"landform|landforms", kLandforms, false},
};

constexpr std::size_t CountWords() {
  std::size_t count = std::size(kOtherWords);
  for (const WordGroup& group : kGroups) count += group.words.size();
  return count;
}

constexpr std::array<const char*, CountWords()> AllWords() {
  std::array<const char*, CountWords()> words{};
  std::size_t at = 0;
  for (const WordGroup& group : kGroups) {
    for (const char* word : group.words) words[at++] = word;
  }
  for (const char* word : kOtherWords) words[at++] = word;
  return words;
}

constexpr auto kWords = AllWords();

}  // namespace

std::span<const WordGroup> WordGroups() { return kGroups; }
std::span<const char* const> Words() { return kWords; }
std::span<const char* const> Names() { return kNames; }
std::span<const char* const> InventedNouns() { return kInventedNouns; }
std::span<const char* const> People() { return kPeople; }

std::vector<std::string> Strings(std::span<const char* const> words) {
  return {words.begin(), words.end()};
}

}  // namespace fathom
