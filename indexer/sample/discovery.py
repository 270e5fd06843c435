"""The sections on what is new: science, health and technology.

Contract: `DISCOVERY` maps the name of a section to its part of the grammar, in the notation of `grammar.py`.

Not here: the other sections (`affairs.py`, `leisure.py`), shared sentences (`grammar.py`), words (`words.py`).
"""

DISCOVERY = {
    "science": """
topic:
{head} of {creature}

head=
study survey census inventory

lead_role=
biologist physicist ecologist geologist astronomer chemist neuroscientist oceanographer botanist
palaeontologist climatologist geneticist

rival_role=
statistician sceptic reviewer rival_researcher emeritus_professor

expert_role=
zoologist science_historian mathematician engineer archaeologist modeller

org_kind=
Institute Observatory Laboratory University Museum College Research_Station

issue=
funding climate_change pollution habitat_loss peer_review measurement extinction sampling calibration
replication drought disease overfishing migration deforestation inbreeding light_pollution publication_bias
contamination noise acidification predation warming erosion salinity fieldwork conservation data_sharing bias
hunting evolution

angle:
Researchers in {place} have found that {creature} respond to {matter} in {a_adj} way, {a_report} said on
   {day}.
| What {creature} can teach us about {matter}
| {Creature} respond to {matter}, study finds
| {Place} researchers surprised by {creature}
{A_adj} {topic} led by {lead} has changed what is known about {matter}.
| {Matter}: old idea gets a new test in {place}
| {Creature} hold a clue to {matter}
| {Lead_name} rewrites the book on {matter}
After {the_few} years of fieldwork near {town}, {lead} believes that {creature} hold {a_adj} clue to {matter}.
| {Lead_name}'s long search for {creature} ends in {town}
| {The_few} years with the {creature} of {town}
| Clue to {matter} found near {town}
The number of {creature} around {place} has changed by {pct} per cent since {since}, a shift that may be due
   to {matter}.
| {Place} counts its {creature}
| {Matter} blamed as {creature} change their ways
| Fresh count of {creature} puzzles scientists
A sample found near {town} has told {lead} more about {creature}, and about {matter}, than years in the
   library.
| {Town} sample sheds light on {creature}
| Small sample, big question: {matter} in {town}
| {Creature}, {matter} and a find in {town}

detail:
The team followed {count} {creature} for {few} years, with cameras, patience and {a_adj} budget.
The effect was {scale}, about {pct} per cent, and it appeared in {creature} as well as in {other_creature}.
A compound they call {product} seems to play {a_adj} part.
{Lead} first noticed the pattern in {since}, while looking for {other_creature}.
The samples were measured in {few} laboratories, one of them in {place} and another in {other_town}.
In {creature} the change took {n} days; in {other_creature}, only {few}.
The results, published in {a_adj} paper of {n} pages, have not been repeated elsewhere.
Grants of {money} from {agency} paid for the instruments, which were first made to study {other_matter}.
Other groups have reported {adj} links between {other_creature} and {other_matter}.
The best specimens came from {other_town}, where {creature} live within sight of the {venue}.

boast:
We went looking for {other_matter} and came home with {creature}
Every time we thought we understood {creature}, they did something else

doubt:
With {n} samples you can prove almost anything about {matter}
I would want to see it in {other_creature} before I changed a textbook

view:
If it holds for {creature}, it probably holds for {other_creature}
Nobody has measured {matter} this well before, and that alone is {quality}

background:
Interest in {matter} has grown since {since}, when {agency} paid for a survey of {other_creature}.
Around {town}, {creature} were once so common that nobody thought to count them.
""",
    "health": """
topic:
{ailment} {head}

head=
trial programme campaign study clinic

lead_role=
consultant surgeon nurse epidemiologist doctor paediatrician pharmacist Health_Minister

rival_role=
patients'_advocate union_representative family_doctor ward_sister hospital_governor statistician

expert_role=
public_health_researcher medical_historian health_economist immunologist psychologist

org_kind=
General_Hospital Infirmary Children's_Hospital Clinic Medical_Centre Hospice

issue=
staffing nutrition funding hygiene overcrowding training poverty smoking patient_safety obesity loneliness
air_quality sanitation exercise stress drinking prevention infection screening vaccination resistance
malnutrition bed-blocking aftercare rehabilitation triage prescribing paperwork privacy home_care dental_care
night_work pay

angle:
{A_remedy} for {ailment} cut symptoms by {the_pct} per cent in {a_adj} {head}, doctors in {place} said on
   {day}.
| New {remedy} offers hope on {ailment}
| {Ailment} {remedy} cuts symptoms by {the_pct} per cent
| {Place} doctors cheered by {ailment} {remedy}
{Org} opened {a_adj} clinic for {ailment} on {day}, the first of its kind in the region.
| {Org} opens {ailment} clinic
| {Ailment} patients get a clinic of their own
| {Lead_name} opens clinic for {ailment} in {place}
Cases of {ailment} in {place} doubled in {earlier}, {a_scale} rise that doctors on {day} called {quality}.
| {Ailment} cases double in {place}
| {Place} doctors urge {virtue} over {ailment}
| {Ailment} and {issue}: {place} looks for answers
{The_group} will be the first to be offered a new {remedy} for {ailment}, {lead} said on {day}.
| {The_group} first in line for {ailment} {remedy}
| New {remedy} for {ailment}, but not for all
| {Lead_name} promises {ailment} {remedy} by {later}
The wait for {a_remedy} for {ailment} fell below {n} days in {place}, {agency} said on {day}.
| Shorter wait for {ailment} {remedy} in {place}
| {Place} cuts {ailment} waiting time
| {Ailment} queue shrinks, but {issue} remains

detail:
The {head} followed {count} people for {few} years, half of them on the {remedy} and half without it.
Patients with {ailment} felt {scale} relief after {n} days; those who also had {other_ailment}, none.
The {remedy}, sold as {product}, costs {n} dollars a month.
Side effects were {scale}: {n} people reported {other_ailment}, and {few} left the {head}.
{Org} treats {count} people a year for {ailment} and {crowd} for {other_ailment}.
One nurse in {few} said {issue} had made the work harder, {a_report} found.
Beds are full {n} per cent of the time, and {issue} makes it worse.
{Lead} hopes the {remedy} will also help people with {other_ailment}.
{A_other_remedy} for {other_ailment} was tested on the same wards in {last_year}, and another in {other_town}.

boast:
When someone with {ailment} sleeps through the night for the first time, you do not forget it
We can treat {ailment}; what we could not do until now was treat it early

doubt:
{A_remedy} is no substitute for nurses
We have {n} beds and {count} people who need one

view:
With {ailment}, early treatment is nearly everything
It will not cure {ailment}, but it may buy {few} good years

remark:
I had {ailment} for {few} years before anyone gave it a name
The {remedy} took ten minutes, and they gave me a biscuit
""",
    "technology": """
topic:
{gadget} {head}

head=
launch rollout upgrade trial update

lead_role=
founder chief_engineer product_manager chief_executive security_researcher designer programmer

rival_role=
privacy_campaigner rival_developer regulator former_employee security_consultant consumer_advocate

expert_role=
computer_scientist analyst technology_historian cryptographer professor_of_design

org_kind=
Systems Labs Software Networks Robotics Devices Technologies Computing Interactive Data

issue=
privacy security reliability fraud accessibility spam energy_use surveillance piracy isolation battery_life
copyright waste misinformation encryption compatibility identity_theft latency licensing moderation
distraction data_loss eyestrain repairability hacking bias automation tracking phishing downtime

build=
cheap compact clever sturdy sleek simple foldable quiet solar-powered lightweight elegant rugged waterproof
pocket-sized old-fashioned plain voice-activated friendly colourful transparent self-repairing stripped-down
second-generation much-delayed home-made ingenious

angle:
{Org} unveiled {product} on {day}, {a_the_build} {gadget} that it says will help {the_group} with {issue}.
| {Org} unveils {product}, {a_gadget} for {the_group}
| Meet {product}, the {the_build} {gadget}
| Can {a_gadget} solve {issue}? {Org} thinks so
A flaw in {product}, {a_gadget} used by {count} people, left {the_group} without service for {few} hours on
   {day}.
| Flaw found in {org} {gadget}
| {The_group} cut off as {product} fails
| {Org} says sorry for {product} failure
{The_group} in {place} will be the first to try {product}, {a_the_build} {gadget} from {org}, it was
   announced on
   {day}.
| {Place} to test {the_build} {gadget}
| {Product} comes to {place}
| {The_group} in {place} to try {product}
{Org} began {a_topic} in {place} on {day}, amid questions about {issue}.
| {Gadget} trial in {place} raises questions of {issue}
| {Org} presses on with {topic}
| {Place} {mood} as {org} begins {topic}
{Lead} has spent {the_few} years at {org} on {product}, {a_the_build} {gadget} that has made rivals {mood}.
| The {the_build} {gadget} that took {the_few} years
| {Lead_name} and the making of {product}
| {Product}: {org} shows its hand

detail:
{Product} costs {n} dollars and comes with {a_report} of {n} pages, which few will read.
The {gadget} was tested by {count} {group}, of whom {n} per cent kept it.
An earlier version, {other_product}, was withdrawn in {last_year} after complaints about {other_issue}.
The code, {n} thousand lines of it, was {manner} published on {yesterday}.
{Org} says no personal records leave the {gadget}, and {agency} is checking.
In {place} the {head} covers {count} homes; in {other_town}, only {few}.
A rival {other_gadget} called {other_product} does the same for {n} dollars, though less {manner}.
Sales of {product} have passed {count} since {earlier}, most of them to {group}.
It works with {a_other_gadget} of the same make, and {degree} badly with any other.
{Other_company}, which tried something similar in {since}, gave up after {few} months.

boast:
We built {product} for {group}, because nobody else would
It should be as simple as a light switch, and nearly as dull

doubt:
Nobody asked for {a_gadget} that knows when you are {mood}
They fixed {issue} by hiding the setting

view:
The clever part of {product} is what it leaves out
{A_gadget} can be secure or convenient; {product} is trying to be both

remark:
My {other_gadget} told me to get more sleep, so I switched it off
It works, most days, if you ask it nicely

background:
{Org}, started in a garage in {other_town} in {the_since}, now sells {a_gadget} every {few} minutes.
""",
}
