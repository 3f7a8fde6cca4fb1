"""What is said and shown in the sample videos: plain data, written for this project (CC0-1.0)."""

from dataclasses import dataclass
from fractions import Fraction

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)


@dataclass(frozen=True)
class Line:
    """One spoken sentence and what is seen meanwhile."""

    view: str  # "wide" and "close" show the speaker, "slide" the part's slide
    text: str


@dataclass(frozen=True)
class Part:
    """A stretch of a talk on one subject, with its slide."""

    subject: str  # the drawable thing, "" where there is none
    title: str  # of the slide
    points: tuple[str, ...]  # lines of the slide, appearing one after the other
    look: str  # name of a palette in `scenery.PALETTES`
    figure: str  # name of a moving figure in `scenery.FIGURES`
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Talk:
    """One sample video."""

    name: str  # of its files
    voice: str  # of flite
    person: str  # name of a speaker in `scenery.PEOPLE`
    rate: Fraction  # frames/s
    captions: str  # "sidecar", "stream" or "none"
    parts: tuple[Part, ...]


SMALL_THINGS = Talk(
    name="talk",
    voice="slt",
    person="teal",
    rate=PAL,
    captions="sidecar",
    parts=(
        Part(
            subject="",
            title="Five small things",
            points=("that changed", "how we live"),
            look="plum",
            figure="dots",
            lines=(
                Line("slide", "Hello, and welcome to a short talk about small things."),
                Line("wide", "We like to believe that progress comes from big plans and famous names."),
                Line("wide", "Very often it comes from something plain, something that we stopped noticing."),
            ),
        ),
        Part(
            subject="bread",
            title="Bread",
            points=("flour and water", "an oven to share"),
            look="crust",
            figure="dough",
            lines=(
                Line("close", "Let us begin with bread."),
                Line(
                    "slide",
                    "Long before the first farms, someone mixed crushed grain with water and left it by the fire.",
                ),
                Line("slide", "The bread kept for days, so a family could stay in one place."),
                Line("wide", "A village grew around the oven, and a shared loaf became a shared life."),
                Line("close", "Even now, when we break bread with a stranger, we make a small promise."),
                Line("close", "We say that there is enough, and that nobody has to eat alone."),
            ),
        ),
        Part(
            subject="clock",
            title="The clock",
            points=("the hours, divided", "time, agreed"),
            look="ink",
            figure="dial",
            lines=(
                Line("wide", "The second thing is the clock."),
                Line("wide", "For most of history, noon was simply when the sun stood high."),
                Line("slide", "Then a clock on the tower began to divide the day for everyone."),
                Line("slide", "With its ticking hands, people could agree to meet, to trade, and to catch a train."),
                Line("close", "But the clock also gave us something harder to love."),
                Line("close", "It gave us the feeling that we are always a little late."),
            ),
        ),
        Part(
            subject="bicycle",
            title="The bicycle",
            points=("two wheels", "no engine, no hay"),
            look="meadow",
            figure="wheels",
            lines=(
                Line("wide", "My third example has two wheels and no engine: the bicycle."),
                Line("slide", "A bicycle cost less than a horse, and it never asked for hay."),
                Line("slide", "Suddenly a worker could ride to a better job in the next town."),
                Line("wide", "Women rode bicycles to places where nobody had allowed them to go."),
                Line("close", "Freedom, it turns out, can be a matter of balance."),
                Line("close", "You keep moving, and you do not fall."),
            ),
        ),
        Part(
            subject="bee",
            title="The bee",
            points=("flower to flower", "pollen on the move"),
            look="honey",
            figure="comb",
            lines=(
                Line("wide", "Now think of a bee."),
                Line("slide", "A honey bee weighs less than a paper clip, yet it visits hundreds of flowers in a day."),
                Line("slide", "A good part of what we eat depends on bees carrying pollen from blossom to blossom."),
                Line("wide", "When the bees are gone, the orchard falls silent, and so does the market."),
                Line("close", "No single bee understands the garden, and still the garden works."),
                Line("close", "I find that comforting whenever a problem looks too large for one person."),
            ),
        ),
        Part(
            subject="telescope",
            title="The telescope",
            points=("a tube, two lenses", "four new moons"),
            look="night",
            figure="moons",
            lines=(
                Line("wide", "The last thing is the telescope."),
                Line("wide", "At first it was a toy for merchants, who watched for ships."),
                Line("slide", "One winter night, Galileo pointed a small telescope at Jupiter and found four moons."),
                Line("slide", "Night after night the moons moved, and the old picture of the sky fell apart."),
                Line("wide", "Today a telescope in space looks back almost to the beginning of time."),
                Line("close", "Looking closely is sometimes the bravest thing that we can do."),
                Line("close", "None of these five things seemed important at first."),
                Line("wide", "Perhaps the next one is already lying on your table. Thank you."),
            ),
        ),
    ),
)

TREE = Talk(
    name="embedded-subtitles",
    voice="rms",
    person="brick",
    rate=PAL,
    captions="stream",
    parts=(
        Part(
            subject="tree",
            title="The old tree",
            points=("a hundred rings", "one long memory"),
            look="meadow",
            figure="crown",
            lines=(
                Line("wide", "There is an old tree in front of my house."),
                Line("slide", "Every year the tree adds one ring, a thin line for a hard winter, a wide one for rain."),
                Line("close", "If we could read it, the tree would be our oldest diary."),
            ),
        ),
    ),
)

ROCKET = Talk(
    name="no-captions",
    voice="rms",
    person="navy",
    rate=PAL,
    captions="none",
    parts=(
        Part(
            subject="rocket",
            title="The rocket",
            points=("ninety parts fuel", "one part courage"),
            look="night",
            figure="ascent",
            lines=(
                Line("wide", "A rocket is mostly fuel, and almost nothing else."),
                Line("slide", "The rocket burns for eight minutes, and then it is in space."),
                Line("close", "Most of the work was done long before, on paper."),
            ),
        ),
    ),
)

UMBRELLA = Talk(
    name="ntsc",
    voice="slt",
    person="brick",
    rate=NTSC,
    captions="sidecar",
    parts=(
        Part(
            subject="umbrella",
            title="The umbrella",
            points=("a roof to carry",),
            look="ink",
            figure="rain",
            lines=(
                Line("close", "An umbrella is the smallest roof in the world."),
                Line("slide", "You open the umbrella, and the rain becomes music."),
                Line("wide", "You give half of it away, and nobody gets wet."),
            ),
        ),
    ),
)

TALKS = (SMALL_THINGS, TREE, ROCKET, UMBRELLA)
