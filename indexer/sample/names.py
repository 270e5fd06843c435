"""The names of the sample articles: people, places and brands, each made from a number.

Real first names, surnames and cities make the news sound familiar; everyone and everything else is put together
from syllables, without end. Low numbers give short names.

Contract: the functions here are pure functions of a number (0 or more). Different numbers give different coined
names, but for the few that can be cut into syllables in two ways. Nobody who is named here exists; likeness to
people who do is chance.

Not here: which number is drawn, roles and titles (`story.py`).
"""

from functools import lru_cache
from typing import NamedTuple

_SCATTER = 1_000_003
"""A prime that divides no number of names of one length: neighbouring numbers get unlike names."""
_REMEMBERED = 1024
"""Names of each kind that are remembered: those that are in the news, for the others are many and rare."""


def _listed(names: str) -> list[str]:
    return names.split()


class _Syllables(NamedTuple):
    """A way to coin names: a head, any number of middles, a tail."""

    heads: list[str]
    middles: list[str]
    tails: list[str]

    def coin(self, number: int) -> str:
        """The name with this number; all names without a middle come first, then all with one, and so on."""
        names, middles = len(self.heads) * len(self.tails), 0
        while number >= names:
            number -= names
            names *= len(self.middles)
            middles += 1
        number, head = divmod(number * _SCATTER % names, len(self.heads))
        number, tail = divmod(number, len(self.tails))
        name = self.heads[head]
        for _ in range(middles):
            number, middle = divmod(number, len(self.middles))
            name += self.middles[middle]
        return name + self.tails[tail]


_FIRST_NAMES = {
    "she": _listed("""
Anna Maria Grace Elena Ruth Amina Clara Sofia Nadia Helen Ingrid Leila Rosa Yuki Priya Mei Fatima Julia Katya
Zoe Alice Beatriz Chloe Dalia Edith Farah Greta Hana Irene Joanna Kira Lucia Marta Nora Olga Petra Rania Sara
Teresa Ursula Vera Wanda Yasmin Zainab Adele Bridget Carmen Dorothy Esther Fiona Gloria Hilda Isabel Judith
Keiko Linda Miriam Naomi Odette Paula Rachel Selma Thandi Uma Valerie Winifred Ximena Yvonne Zelda Aisha
Bianca Cecilia Divya Eleni Freya Gudrun Heidi Ilse Jasmine Kamala Lorna Magda Nkechi Oriana Pilar Renata
Sunniva Tamar Wambui
"""),
    "he": _listed("""
James David Omar Peter Daniel Samuel Ivan Thomas Ahmed Luis Victor Karim Paul Henrik Kofi Marco Andrei Tariq
Hugo Leon Adam Bruno Carlos Dmitri Emil Felix George Hassan Isaac Jonas Kenji Lars Martin Nikolai Oscar Pablo
Quentin Rafael Stefan Tobias Umar Vikram Walter Xavier Yusuf Zoltan Arthur Benedict Callum Desmond Edwin Frank
Gareth Harold Igor Jorge Kwame Laszlo Miguel Nelson Olivier Piotr Ravi Simon Teodor Uri Vincent Wilfred
Yannick Zubair Amadou Bashir Cedric Dario Enzo Finn Gunnar Hamish Ibrahim Janek Kiran Lorenzo Mateus Nuno Owen
Pavel Ruben Sanjay Tendai
"""),
}
"""First names, by the pronoun of those who bear them."""

_SURNAMES = _listed("""
Bennett Okafor Lindqvist Marchetti Novak Haddad Sharma Tanaka Moreau Petersen Alvarez Kowalski Mensah Doyle
Fischer Romero Karlsson Osei Rahman Sato Bianchi Dubois Nakamura Fraser Horvat Aziz Costa Ferreira Iyer
Janssen Keller Laurent Mbeki Nilsen Ortega Popov Quinn Rossi Sorensen Torres Ueda Varga Walsh Yilmaz Zhang
Abara Brandt Castellan Dvorak Egede Farouk Galanis Hoxha Ilves Jovanovic Kaplan Lemaire Mazur Nwosu Olsen
Pereira Rankin Salazar Tamm Urquhart Vasquez Whitlock Yoshida Zeman Achterberg Bassey Crowther Demir Eriksen
Fontaine Greaves Hallam Ibarra Jarvis Kimani Larkin Mistry Nandi Oduya Prescott Rasmussen Sandoval Thackeray
Umarov Villanueva Wexford Yeats Zoric
""")

_CITIES = _listed("""
London Nairobi Lisbon Toronto Mumbai Sydney Chicago Warsaw Lagos Oslo Dublin Santiago Jakarta Vienna Accra
Hamburg Manila Athens Bristol Jaipur Osaka Boston Prague Lima Glasgow Helsinki Auckland Montreal Cairo
Rotterdam Seattle Bogota Valencia Tunis Riga Dhaka Antwerp Denver Gdansk Kampala Bergen Leeds Porto Turin
Perth Lyon Zagreb Colombo Tallinn Bilbao Dakar Ghent Hanoi Izmir Krakow Limerick Marseille Naples Odense
Palermo Quito Rosario Seville Tampere Utrecht Vilnius Wellington Yerevan Aarhus Basel Cardiff Durban Edinburgh
Freetown Galway Halifax Innsbruck Kingston Lusaka Malmo Norwich Ottawa Plymouth Recife Sheffield Trieste
Uppsala Valletta Winnipeg Yokohama
""")

_SURNAME = _Syllables(
    heads=_listed("""
Abb Adl Ald Alm Ams Ard Arn Ash Atk Bal Ban Bar Bas Bel Ben Ber Birk Bol Bor Brand Bran Bren Brod Burn Cald Calv Cam
Cant Car Cas Cast Chal Chand Clem Col Cor Corm Crad Cran Cul Dal Dan Dar Del Den Der Dor Drum Dun Dur Ed Egg Elm Elst
Emm Er Esk Fal Fars Fen Ferr Fin Fol For Frid Gal Gan Gar Gil Glen Gor Gran Grun Gul Had Hal Hald Han Har Hart Hav Hel
Hern Hol Hor Hul Ib Ing Isk Jan Jas Jor Jul Kal Kan Kar Kel Ken Kir Kol Kor Kul Lan Lar Lav Len Lev Lin Lor Lov Lud
Lyn Mad Mal Man Mar Mat Mel Mer Mil Mor Mos Mul Nad Nan Nav Nel Nes Nol Nor Od Ol Or Os Ott Pal Pan Par Pel Pen Per
Pol Por Pres Quen Quil Rad Ral Ran Rav Red Ren Ril Rin Rom Ros Rud Rus Sad Sal Sam San Sar Sel Sen Ser Sev Sil Sol
Stan Stav Stol Sund Sver Tad Tal Tan Tar Tav Tel Ten Thor Til Tol Tor Tul Uld Und Ur Val Van Var Vel Ven Ver Vil Vin
Vol Wal War Wel Wen Wes Wil Win Wol Yar Yel Yor Zab Zal Zan Zel Zor
"""),
    middles=_listed("""
er el en an al ar il in im on or ol em am ik et at os is us ir un
"""),
    tails=_listed("""
aker alho anak ander ane ani ante aris aro arte as ashi ati auer avi bach bank beck berg bo borne bright brook burn by
cott croft dahl dale dell den di dine dorf dottir eaux eda edo egan eira ek elli els ema ero erry escu esku ett etti
eva ey fall feld field fold ford gaard gard gate grave ham heim hill holm holt house hurst i iak ic ides idis ier iger
ikov illo ima ina ing ini inis ino ins ira ish iti itz kamp ke ker kin kins kov land lau ler ley lin ling lo low lund
mack maker man mann mark mere mond more mouth nell nes ney nik o oglu on opoulos os ossi oto ova ovic ow pool quist
rell rick ridge rup sby sen shaw sky skar smith son stad stead stein stone strand strom sson ter thal ton toft tree
tti uchi ula ura us vall vang vara vell verde vik vist wald wall ward way well wick win wood worth wright y yan zadeh
zen zin
"""),
)

_PLACE = _Syllables(
    heads=_listed("""
Aber Alder Amber Apple Ash Ban Barn Bay Beacon Beck Bell Birch Bishop Black Bracken Bram Bright Broad Brook Butter
Cald Carn Castle Chal Charl Chester Church Clay Clover Cold Cop Cran Crow Dar Dean Deer Dover Drum Dun East Elder Elm
Ever Fair Fal Farn Fern Finch Fox Frost Gill Glen Gold Goose Grand Grant Green Grey Guild Hal Hart Haver Hawk Hay
Hazel Heather Hen Heron High Hol Holly Horn Iron Kel Kings Knight Lady Lamb Lang Lark Linden Lock Long Lyn Maple Mar
Marble May Mead Mill Mon Monk Moor Moss Nor North Nut Oak Old Orchard Otter Oxen Peach Pen Pine Plum Port Prior Quarry
Queens Raven Red Rock Rose Rush Sal Salt Sand Saxon Sel Sheep Shel Silver Snow South Spring Stan Stone Stour Strat Sum
Sun Swan Tam Tar Temple Thistle Thorn Tor Under Upper Val Ver Wake Wal War Wel Wes West Whit White Wil Wild Win Winter
Wolf Wood Wrex Wych Yarn Yew
"""),
    middles=_listed("""
er en el an al ar ham ton ley ford les ber der
"""),
    tails=_listed("""
avik bank beck borough bourne bridge brook burgh burn bury by cester chapel church cliff combe cote cott court cross
dale dean den don down fall fell field fleet fold ford garth gate grange grove hall ham harbour haven head heath hill
hithe holm holt hurst ia keld lake land law leigh ley lia lock low market marsh mead mere mill minster mont moor more
mouth ness nesse ona over park pass point pool port quay ra reach ridge rigg row shaw shore side sound spring stead
sted stock stoke stone stow strand sund thorpe tona ton town tree vale vere vik ville wall water way well wharf wick
wold wood worth yard
"""),
)

_BRAND = _Syllables(
    heads=_listed("""
Acro Acu Aero Alta Alti Ambi Ampli Arca Argo Aqua Astra Aura Auto Axi Beta Bio Brio Bry Cali Cara Cele Chro Cine Clari
Cora Cosmo Cryo Cyna Cyto Data Deca Dela Delta Dura Dyna Echo Eco Ela Ele Ergo Ethi Equi Eva Exo Fero Flexi Fluo Forti
Galva Gamma Geno Geo Giga Glo Gly Grani Helio Hexa Holo Hydra Hypo Ino Intelli Iri Iso Juno Kilo Kine Laza Lexi Lino
Lumi Luxa Macro Magna Mari Medi Mega Meta Mira Mono Nano Navi Neo Nexa Nitro Nova Octa Omni Opti Orbi Oro Pala Pano
Para Peri Petra Pola Primo Proto Pyra Quadra Quanta Radi Rena Rhodo Rota Sana Seleno Sino Sola Sona Spectra Stella
Strato Sylva Tele Tempo Terra Thermo Tri Ultra Uni Vari Vela Veri Vita Volta Xeno Zephy Zeta
"""),
    middles=_listed("""
ba ce da fe ga ka li lo ma mi na no pa ra ri sa ta te vi xo za zi
"""),
    tails=_listed("""
band bank base beam bel bex bolt bond cade call card care cast cel cell chem cor core cross dale deck desk dex dock
dome don dyne fab fare fex field fin fit fleet flow fly fold form forge gard gate gen glide gon grain gram graph grid
grip kit lab lane lark leaf lens lex lift light line link lite load lock log loop lume lux lytics mark mart mast max
med mesh met mill mind mint mix mont nav nest net nex node nomics note pack pad path pay phase phone plan plast plex
point pool port post press print pulse quest rail rate rex ring rise rix sail scan scape scope seal sense set ship
shop side sign soft sol sonic sort span spark spin stat stem step stone swift switch sync tag tap tec tel tera test
thera tide time tone track trade tron turn vance vane vant vault vera vest vex via view vine vox walk ware watch wave
weld wire wise works yard yield zen zone zyme
"""),
)


class Person(NamedTuple):
    """Somebody in the news."""

    first: str
    surname: str
    pronoun: str
    """`she` or `he`."""


def _mixed(number: int) -> int:
    """32 bits that look nothing like `number`; the finaliser of MurmurHash3 (Appleby, 2011)."""
    bits = number & 0xFFFFFFFF
    bits = (bits ^ bits >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    bits = (bits ^ bits >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return bits ^ bits >> 16


@lru_cache(maxsize=_REMEMBERED)
def person(number: int) -> Person:
    """The person with this number; two in five bear a surname from the list, the others a coined one."""
    rest, coined = divmod(_mixed(number), 5)
    rest, pronoun = divmod(rest, 2)
    names = _FIRST_NAMES["he" if pronoun else "she"]
    rest, first = divmod(rest, len(names))
    last = _SURNAME.coin(number) if coined > 1 else _SURNAMES[rest % len(_SURNAMES)]
    return Person(names[first], last, "he" if pronoun else "she")


@lru_cache(maxsize=_REMEMBERED)
def surname(number: int) -> str:
    """A coined surname, as it stands in the names of institutions."""
    return _SURNAME.coin(number)


@lru_cache(maxsize=_REMEMBERED)
def place(number: int) -> str:
    """The place with this number; the first are cities of this world."""
    return _CITIES[number] if number < len(_CITIES) else _PLACE.coin(2 * (number - len(_CITIES)))


@lru_cache(maxsize=_REMEMBERED)
def town(number: int) -> str:
    """The small town with this number; none is also a `place`."""
    return _PLACE.coin(2 * number + 1)


@lru_cache(maxsize=_REMEMBERED)
def brand(number: int) -> str:
    """The brand of a company or of something it sells."""
    return _BRAND.coin(number)
