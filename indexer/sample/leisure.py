"""The sections on spare time: sport and culture.

Contract: `LEISURE` maps the name of a section to its part of the grammar, in the notation of `grammar.py`.

Not here: the other sections (`affairs.py`, `discovery.py`), shared sentences (`grammar.py`), words (`words.py`).
"""

LEISURE = {
    "sport": """
topic:
{round} {head}

head=
match tie game

round=
semi-final league cup quarter-final derby play-off opening relegation friendly

lead_role=
captain striker goalkeeper midfielder winger defender manager

rival_role=
visiting_coach visiting_captain visiting_goalkeeper assistant_coach club_chairman

player_role=
full-back substitute centre-half teenager right-winger playmaker debutant veteran_forward left-back

expert_role=
former_international commentator sports_scientist retired_referee club_historian

org_kind=
Rovers United City Athletic Wanderers Town Rangers Albion Harriers Stars Dynamos

issue=
fitness discipline finishing morale refereeing defending travel ticket_pricing fatigue the_offside_rule
team_selection stamina recruitment concussion goal_difference possession training luck weather passing
youth_development diet crowding fixture_congestion sleep heading time-wasting gambling rotation team_spirit
set-piece_play

group=
supporters players visitors season-ticket_holders stewards referees veterans former_players youth_coaches
trainers scouts groundstaff schoolchildren volunteers physiotherapists commentators families neighbours
reporters pensioners substitutes sponsors agents ball_boys board_members amateurs apprentices taxi_drivers
pie_sellers programme_sellers

venue=
stadium ground clubhouse training_ground main_stand ticket_office railway_station car_park supporters'_club
players'_tunnel sports_hall west_stand team_hotel dressing_room fan_shop floodlights press_box turnstiles

force=
luck experience fatigue pride rivalry momentum habit stubbornness home_advantage weather money confidence
complacency impatience tradition technique pace height nostalgia caution ambition

form=
brilliant stubborn lively tired wasteful confident nervous fluent clumsy determined inspired disjointed
ruthless spirited careless patient dominant sluggish fearless untidy resilient breathless rampant timid
tenacious subdued organised devastating erratic

evening=
memorable frustrating long happy miserable triumphant difficult painful glorious forgettable nervous historic
wet cold bruising joyful sobering chaotic tense peculiar

angle:
{Org} {defeated} {opponent} {the_few}-one on {day} in {a_evening} {topic} watched by {count} people.
| {Org} {beat} {opponent} in {round} {head}
| {Form} {org} {beat} {opponent}
| {Place} celebrates as {org} {beat} {opponent}
A goal {few} minutes from time by {lead} gave {org} a late win over {opponent} on {day}.
| Late {lead_name} goal sinks {opponent}
| {Org} leave it late against {opponent}
| {Lead_name} the hero for {form} {org}
{Opponent} were {the_few} goals down by half-time on {day}, and {org} were already thinking of {later}.
| {Opponent} undone by {form} {org}
| {Org} put {the_few} past {opponent}
| {Form} {opponent} no match for {org}
It was {a_evening} evening for {org} and {a_the_evening} one for {opponent}, who on {day} lost their
   {the_nth} {head} running.
| {The_nth} defeat running for {opponent}
| {Org} pile misery on {opponent}
| {The_evening} night for {opponent} in {place}

detail:
{Lead} was at the heart of it from the {nth} minute, when {rival} {manner} shouted for offside.
{Opponent} hit the post after {n} minutes and had {a_adj} appeal for a penalty turned down.
The visitors changed {few} players at half-time, and it almost worked.
{Org} have now gone {n} games without defeat, their best run since {since}.
{Lead} has played {n} times this season, {few} of them against {opponent}.
The crowd of {count} was the largest in {place} since {since}.
A wet pitch, heavy after {few} days of rain, did not help either side.
The first half was {form}, the second {form}, and the referee had {a_evening} afternoon.
{Opponent} had more of the ball, {n} per cent of it, and fewer ideas.
{Org} stay {nth} in the table, {few} points ahead of {opponent}.
A {form} cross from {player} found {second_player}, who could not miss.
{Opponent} were {form} at the back, where {third_player} limped off after {n} minutes.

boast:
We were {form} at half-time, and then we remembered how to play
The lads ran until they had nothing left, and then they ran some more

doubt:
We gave the ball away {n} times, and you cannot do that here
It was never a penalty, and everyone in {place} knows it
For {few} minutes we forgot to mark anybody

view:
They press as a team, and {opponent} had no answer to it
At this level {virtue} wins you more than talent does

remark:
My father took me to my first {head} here in {since}
I have no voice left at all

beat=
beat edge overcome outplay stun thrash see_off sink

defeated=
edged overcame outplayed stunned thrashed saw_off sank

close:
{Org} travel to {town} next; {opponent} have a week to think about it.
The return {head} is in {later}.
""",
    "culture": """
topic:
{artform} {head}

head=
festival exhibition season premiere retrospective revival

work:
The {creature} of {place}
A {trade} in {place}
{Subject} and {other_subject}
The {trade}'s daughter
Songs of {other_subject}
{Few} letters on {other_subject}
The year of the {creature}
The last {trade} of {other_town}

lead_role=
director curator composer novelist conductor painter playwright choreographer actor photographer soprano poet

rival_role=
critic gallery_owner producer reviewer festival_director collector

expert_role=
art_historian biographer archivist publisher musicologist film_scholar

org_kind=
Gallery Theatre Museum Opera Playhouse Conservatory Ballet Academy Library

issue=
funding attendance censorship copyright restoration taste ticket_pricing forgery patronage nostalgia
sponsorship acoustics lighting authenticity translation fashion ownership looting applause plagiarism storage
conservation rehearsal_space sentimentality realism improvisation education piracy snobbery programming

art=
tender luminous uneven sprawling austere playful haunting restless ambitious intimate lavish gentle furious
melancholy witty sombre spare exuberant elegant sentimental delicate bleak radiant whimsical solemn dreamlike
raucous rueful unhurried meticulous ornate claustrophobic

angle:
{A_the_art} {topic} opened in {place} on {day}, with {subject} as its theme and {crowd} people in the queue.
| {A_the_art} {artform} {head} opens in {place}
| {Place} queues for {artform}
| {Artform} comes home to {place}
{Lead} has spent {the_few} years on "{work}", {a_the_art} meditation on {subject}, and it shows.
| {Lead_name} returns to {subject} with {a_the_art} new work
| Review: "{work}" finds {virtue} in {subject}
| {The_few} years in the making: {lead_name}'s "{work}"
There is {a_art} moment halfway through "{work}", when the talk turns from {subject} to {other_subject}.
| Review: "{work}" is {art} and {art}
| {Art} and {art}: {lead_name} on {subject}
| A night with "{work}" in {place}
{Org} announced on {day} that it would revive "{work}", {a_art} piece about {subject} lost since {since}.
| {Org} to revive lost work on {subject}
| "{work}" to be seen again
| {Lead_name} brings "{work}" back to {place}
When {lead} first came to {place} there was no {artform} to speak of; on {day} there was {a_topic}.
| How {lead_name} fell in love with {artform}
| {Lead_name} brings {artform} to {place}
| {Place}, city of {artform}?

detail:
The rooms are given over to {artform}, {other_artform} and, in one corner, {a_art} joke about {subject}.
"{work}" runs for {n} minutes without an interval, and its best scene concerns {other_subject}.
{Lead} borrowed from {artform} and from {other_artform}, and {manner} from {his} own life.
Tickets cost from {n} dollars, and {crowd} were sold in the first {few} hours.
The second half, about {other_subject}, is {degree} {art}; the first, about {subject}, is merely {art}.
The catalogue, {n} pages of {art} prose, places it between {artform} and {other_artform}.
{Org} has not shown {artform} since {since}, and the {art} silence was felt.
{Group} from {town} play themselves in "{work}", and play themselves {manner}.
A companion piece, "{other_work}", follows in {later}.
Among the {art} finds is a sketch made in {other_town} by {second_voice}.

boast:
I wanted to make something {art} about {subject}, and I failed until I stopped trying
You cannot explain {subject}; you can only put a light on it
{Artform} taught me {virtue}, and {subject} taught me the rest

doubt:
There is {a_art} idea in it, buried under {other_subject}
I admired every minute and was moved by none

view:
Every generation has to discover {subject} for itself
It belongs beside the great works on {subject}, and a little to the left

remark:
I came for the {artform} and stayed for the soup
I cried, and I never cry at {artform}

background:
{Lead} was born in {other_town}, the child of {group}, and studied {other_artform} before turning to
   {artform}.
The first "{other_work}", in {since}, closed after {few} nights and was {manner} forgotten.
""",
}
