"""The grammar that all sections of the sample articles share, and the notation it is written in.

A lexicon is paragraphs of text, each with a name. `name=` is followed by words, drawn by Zipf's law in the
order written (an underscore is a space); `name:` by sentences, each used once before any is used again. A
sentence is a line; indented lines go on with it. `{name}` in a sentence is filled from the lexicon or from
   the
cast of the story. `{the_name}` means the same thing throughout a story, and so does a name in `KEPT`, of
   which
`{other_name}` is another; `{a_name}` puts the indefinite article before it, and a capital (`{Name}`,
   `{A_name}`)
makes the first letter one. People and organisations are written in full where they are first mentioned, and
briefly after that (`{lead_name}`: at once). An `angle:` is an opening and, each after `| `, headlines for it.

Contract: `SHARED` holds for every section and `CIVIC` for `CIVIC_SECTIONS`. A section adds its own sentences to
them and may put its own words in the place of common ones; it must bring `angle`, `topic`, `head`, `lead_role`,
`rival_role`, `expert_role` and `org_kind`. Shared sentences say "the {head}" for what the story is about.
   Every
angle has three headlines, and every class of words at least three words.

Not here: the sections (`affairs.py`, `discovery.py`, `leisure.py`), words by meaning (`words.py`), the telling
of a story (`story.py`).
"""

import re

CIVIC_SECTIONS = frozenset({"politics", "world"})

KEPT = frozenset(
    {"topic", "head", "issue", "place", "town", "policy", "dispute", "goods", "creature", "matter", "ailment"}
    | {"remedy", "gadget", "product", "round", "artform", "subject", "work"}
)
"""What a story is about."""

_CONTINUED = re.compile(r"\n(?:\s+|(?=\| ))")


class Words(list[str]):
    """Entries that are drawn by Zipf's law."""


class Sentences(list[str]):
    """Entries that are each used once before any is used again."""


Lexicon = dict[str, Words | Sentences]


def lexicon(*texts: str) -> Lexicon:
    """The entries of `texts` by name, in the order written; see the module's notation.

    Words replace those that an earlier text has under their name; sentences add to them.
    """
    entries: Lexicon = {}
    for paragraph in re.split(r"\n{2,}", "\n\n".join(texts).strip()):
        header, _, rest = paragraph.partition("\n")
        name = header[:-1]
        if header.endswith("="):
            entries[name] = Words(word.replace("_", " ") for word in rest.split())
        else:
            entries[name] = Sentences([*entries.get(name, []), *_CONTINUED.sub(" ", rest).splitlines()])
    return entries


SHARED = """
paragraph:
{detail}
{praise}
{detail} {detail}
{criticism}
{background} {detail}
{analysis}
{detail} {praise}
{street}
{detail} {criticism}
{background}
{detail} {analysis}
{detail} {street}

praise:
"{boast}," {said} {lead}.
"{boast}," {lead} told reporters in {place}. "{boast}."
"{boast}," {said} {lead}, who has worked with {org} for {few} years.
{Lead} was {mood}. "{boast}," {he} said.
Asked about {other_issue}, {lead} gave {a_tone} answer. "{boast}," {he} said.
"{boast}," {lead} {said}. "{boast}."
In {a_report} to {group}, {lead} struck {a_tone} note: "{boast}."

criticism:
"{doubt}," {said} {rival}.
"{doubt}," {rival} {said}. "{doubt}."
Not everyone is convinced. "{doubt}," said {rival}, speaking outside the {venue}.
{Rival} was {mood}, too. "{doubt}," was the {tone} reply.
There was {tone} criticism, too. "{doubt}," {said} {rival}.
Among {group} the reception was cooler. "{doubt}," {rival} {said}.

analysis:
"{view}," {said} {expert} of {agency}.
{Expert} of {agency} sees {a_adj} lesson in it. "{view}."
"{view}," {said} {expert}, whose {report} on {other_issue} appeared in {earlier}.
For {expert} of {agency}, the question is {other_issue}. "{view}," came the {tone} verdict.

street:
"{remark}," said {voice}.
Outside the {venue}, {voice} was {mood}. "{remark}."
"{remark}," said {voice}, who lives in {other_town}. "{remark}."
In {town} opinion is divided. "{remark}," said {voice}; {second_voice} was {degree} {mood}.
{Voice}, on the way to the {venue}, took {a_tone} view. "{remark}."

boast:
This is {a_adj} step, and it will not be the last
We listened to {group}, and then we acted
Nobody should be surprised: {group} have been asking for this since {since}
It took {few} years and {a_adj} argument about {other_issue}, but here we are
I have never seen {group} so {mood}
When we began, {group} told us it could not be done
I owe this to {group}, and to {a_adj} team in {town}
What we needed was {virtue}, and we found it in {place}
{Virtue} made the difference, and {virtue} kept us going
We will be judged on {issue}, and rightly so
There is still work to do on {other_issue}, but the direction is right
I would rather be late than careless about {other_issue}

doubt:
Nobody has explained what this means for {issue}
The {head} is {quality}, and {a_adj} {report} will not change that
It is a victory for {force} over {virtue}
I have read the {report} twice and I am still {mood}
We asked about {other_issue} in {earlier}, and we are still waiting for {a_tone} answer
Ask me again when somebody has done the sums on {other_issue}
Show me {a_report}, and then we can talk about {issue}
{Group} deserve better than {a_adj} promise
Too much of this rests on {force}, and too little on {virtue}
If {other_issue} is the problem, then the {head} is not the answer
The timing is {quality}, to put it politely

view:
What matters is {issue}; the rest is {other_issue}
{Force} explains half of it, and {force} the other half
The figures are {quality}, but {few} years of evidence point the same way
We have been here before, in {since}, and {force} won
Ask again in {few} years: {issue} will have settled it
It is {a_adj} result, though I would be careful with the word {adj}
People remember {issue}; they forget {other_issue}, and they should not
It would be a mistake to read too much into one {report}
One {report} does not make a trend, and this one is {quality}
There is {a_odds} chance that {group} will notice no difference at all

remark:
I will believe it when I see it
My neighbours talk about nothing else
People here are {mood}, and I don't blame them
It is the first {adj} news we have had since {earlier}
You get used to {other_issue}, but you never learn to like it
Somebody has to speak up for {group}
I read about it in the paper, the same as everybody
My grandmother would have had something to say about {issue}
It is {adj}, that is what it is, and you can write that down
I came out of {force}, really, and I stayed for {few} hours
It will not change my life, but it may change my daughter's
Ask {group}, they will tell you the same
They keep talking about {issue}, and I keep waiting for the bus

detail:
{A_adj} {report} by {agency} calls the {head} {quality}, and asks for more {virtue}.
About {crowd} people gathered outside the {venue} in {place} as the news spread.
{Lead} spent {few} hours at the {venue} on {yesterday}, and left {manner} by a side door.
The mood in {place} was {mood} on {day}, with {group} among the first to react.
{Rival} said {scale} progress on {other_issue} would be worth more than any {report}.
{Org} declined to discuss {issue}, but confirmed that talks with {agency} had gone on since {earlier}.
Those who know {lead} well speak of {virtue}, {virtue} and {a_tone} sense of humour.
There were {tone} words for {org} as well, and {a_adj} question about {other_issue}.
By {day} evening the {head} had been {manner} discussed from {place} to {town}.
The terms, set out in {a_adj} {report} of {n} pages, are {degree} {quality}.
{Group} in {town} said they were {degree} {mood}; {group} in {other_town} were {mood}.
{Expert} of {agency} put it down to {force}, and to {a_scale} change in {issue}.
Of {count} people asked by {agency}, {n} per cent named {issue} as their first concern and {few} per cent
   {other_issue}.
The first to hear of it were {group}, who were told {manner} on {yesterday}.
{Lead} arrived {few} minutes late, apologised {manner}, and spoke for an hour without notes.
Nobody at {agency} would be drawn on {other_issue}, though several spoke {manner} of {issue}.
A telephone line for {group}, opened on {day}, took {count} calls in its first {few} hours.
{Rival}, who comes from {other_town}, has made {a_adj} case against it since {earlier}.
Questions about {other_issue} were left for a second meeting, in {other_town} in {later}.
In the street outside, {group} handed out copies of {a_report} on {issue} to anyone who would take one.
{Agency} has asked {group} for their views, and wants them in writing by the {nth} of {later}.
At the {venue} the talk was of {issue}, {other_issue} and the weather.
{A_body} of {group} met {manner} on {yesterday} and is understood to be {mood}.

background:
{Org}, founded in {the_since} in {other_town}, has always had {a_adj} interest in {other_issue}.
The long history of the {head} goes back to {since}, when {a_report} on {other_issue} caused {a_adj} row.
In {last_year} {agency} warned about {other_issue} in {a_report} that was {manner} forgotten.
{Place}, with its {adj} {venue} and its {mood} {group}, has seen such arguments before.
{Lead} first made news in {town}, where {he} is remembered for {virtue}.
It is the {nth} time since {since} that {issue} has dominated the news in {place}.
{Agency}, which is paid for by {group} and {group}, has followed {issue} for {few} years from its office in
   {other_town}.
In {place}, {force} has usually counted for more than {virtue}.

close:
{A_scale} change of course is not expected before {later}.
{Org} will publish its next {report} in {later}.
{Lead} is due back in {place} in {later}.
Whatever happens, {group} will be watching.
The next meeting is in {other_town} on the {nth} of {later}.
{Rival} has promised {a_adj} reply before {later}.
For now, {group} can only wait.
{Agency} will return to the subject in {later}.
"{remark}," said {voice}, and walked on.

odds=
small fair slim good slight reasonable strong remote decent outside even sporting

agency_kind=
Foundation Trust Centre Bureau Forum Society

nth=
first second third fourth fifth sixth seventh eighth ninth tenth

few=
two three four five six seven eight nine

said=
said added argued insisted explained suggested admitted declared remarked claimed observed replied recalled
joked conceded maintained predicted promised

source=
Meridian_Wire Harbour_Post Northern_Courier Daily_Ledger Global_Despatch Evening_Lantern Continental_Press
Morning_Tribune Capital_Gazette Coastal_Observer Market_Chronicle Weekly_Argus Southern_Star Riverside_Herald
City_Examiner Valley_Sentinel Atlantic_Monitor Provincial_Echo Free_Recorder Borough_Times

quality=
clear unclear uncertain complicated encouraging fragile promising incomplete unfair reasonable hard_to_read
remarkable persuasive vague ambitious honest welcome overdue alarming sound timid muddled consistent revealing
contradictory convincing disappointing thin solid premature untested believable generous
"""

CIVIC = """
detail:
Under the timetable published on {day}, {count} {thing} will be {act_ed} by {later}, and the rest within
   {few} years.
{Agency} puts the cost of {act_ing} {thing} at {money}, {a_scale} increase on {last_year}.
The {head} also sets aside {money} for {a_scheme} on {issue}, to be run by {agency} from {other_town}.
A separate {scheme} on {other_issue}, {manner} agreed in {earlier}, will continue.
{Group} say {thing} in {town} have not been {act_ed} since {since}.
{Org} wants {thing} {act_ed} first, and {thing} only when the money allows.
Complaints about {other_issue} rose by {pct} per cent in the year to {earlier}, according to {agency}.
Plans to {act} {thing} and {act} {thing} were {manner} dropped in {earlier}.
{A_body} on {issue} will hear from {group} and from {group} before {later}.
In {town}, where {thing} are waiting to be {act_ed}, {group} greeted the news with {mood} applause.
Spending on {thing} has fallen by {pct} per cent since {since}, and spending on {thing} by {n} per cent.

boast:
For {money} we can {act} {thing} all over the country, and we will
You cannot {act} {thing} with speeches; you need {virtue}, and you need money
{Thing} come first, {thing} second, and everything else can wait

doubt:
They cannot {act} {thing}, so they have decided to {act} {thing} instead
There is {money} for {thing} and not one word about {other_issue}
{Group} will pay for this long after the speeches are forgotten

view:
Every country that tried to {act} {thing} like this has met the same trouble: {other_issue}
The money is there; what is missing is {virtue}, and people who know how to {act} {thing}

remark:
They promised to {act} {thing} when I was at school
If they would only {act} {thing}, half of us would be happy
We never had trouble with {thing} before {since}

background:
An earlier {scheme}, meant to {act} {thing}, ended in {since} after {adj} arguments about {other_issue}.
{Place} spends {money} a year on {thing}, more than any city of its size.
Since {since} the number of {thing} in the region has fallen by {pct} per cent, and in {other_town} by more.
"""
