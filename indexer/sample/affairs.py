"""The sections on public affairs: politics, world and business.

Contract: `AFFAIRS` maps the name of a section to its part of the grammar, in the notation of `grammar.py`.

Not here: the other sections (`discovery.py`, `leisure.py`), shared sentences (`grammar.py`), words (`words.py`).
"""

AFFAIRS = {
    "politics": """
topic:
{policy} {head}

head=
bill plan budget reform amendment charter levy package

lead_role=
Finance_Minister Housing_Secretary Senator Transport_Minister Mayor Education_Secretary Governor
Environment_Minister Justice_Minister Health_Secretary Deputy_Prime_Minister Home_Secretary Culture_Minister

rival_role=
opposition_leader backbencher councillor opposition_spokesman former_minister campaigner committee_chair

expert_role=
political_scientist historian pollster constitutional_lawyer policy_analyst former_ambassador

org_kind=
Alliance Party Movement League Coalition Union Front Congress Bloc

angle:
{A_topic} that would {act} {thing} across the country passed its first vote on {day} by a majority of {n}.
| {Topic} clears first vote
| {Place} divided as {topic} passes first test
| First vote for {topic}, but worries about {issue} remain
{Lead} defended the {topic} on {day} after {group} said it would do little about {issue}.
| {Lead_name} defends {topic} as doubts grow over {issue}
| {Topic} no cure for {issue}, critics say
| {Rival_name} calls {topic} "{quality}"
On {day} ministers put off the {topic} until {the_later}, {a_adj} retreat that left {the_group} {the_mood}.
| Ministers delay {topic} until {the_later}
| {Topic} put off amid row over {issue}
| {The_group} {the_mood} as {topic} is delayed
The {topic} moved {a_scale} step closer on {day} when {org} {manner} dropped its objections.
| {Org} drops objections to {topic}
| Way clear for {topic} after {org} relents
| {Lead_name} wins over {org} on {topic}
{A_adj} debate on the {topic} ended in {place} on {day} with no agreement on {issue}.
| No agreement on {topic} in {place}
| {Topic} debate founders on {issue}
| {Lead_name} and {rival_name} clash over {topic}

detail:
Members voted after {few} hours of {adj} debate, in which {issue} came up {n} times.
{Org} holds {n} seats and says it will vote for the {head} only if {thing} are {act_ed}.
{Rival} tabled {few} amendments, all of them rejected, the last by {few} votes.
The {head} now goes to the upper house, where {org} has {a_scale} majority.
A poll for {agency} put support for the {head} at {n} per cent, {a_scale} change since {earlier}.
{Lead} met {group} at the {venue} before the vote, and {group} after it.
Under the {head}, the average household would pay {n} dollars a year less towards {thing}.

boast:
I did not come into politics to manage {issue}; I came to end it
This {head} is for {group}, not for the front pages

doubt:
This is not {a_head}, it is a press release
The government has lost the argument on {issue} and is about to lose the vote

background:
The country has argued about {policy} since {since}, when {a_policy} bill brought down the government.
""",
    "world": """
topic:
{dispute} {head}

head=
summit accord treaty agreement conference pact

lead_role=
envoy foreign_minister mediator ambassador President Prime_Minister commissioner special_representative

rival_role=
chief_negotiator rebel_spokesman deputy_foreign_minister opposition_leader General governor

expert_role=
regional_analyst historian former_diplomat international_lawyer aid_coordinator

org_kind=
Commission Federation Council Agency Community Assembly Mission

issue=
security aid famine smuggling inflation migration water trade corruption drought fishing energy espionage
piracy disarmament flooding immigration debt compensation transport citizenship border_control deforestation
inspection autonomy terrorism overfishing amnesty resettlement sovereignty policing censorship currency_reform
dredging grazing_land navigation recognition repatriation self-government quarantine surveillance

angle:
Negotiators in {place} agreed the outline of {a_topic} on {day}, after {few} days of {adj} talks.
| {Dispute} talks end in agreement
| {Lead_name} hails {a_adj} day for {place}
| {Place} talks bring {dispute} deal within reach
Talks on the {topic} broke down in {place} on {day}, with each side blaming the other for {issue}.
| {Dispute} talks collapse in {place}
| Envoys leave {place} without agreement on {issue}
| {Rival_name} walks out of {dispute} talks
{The_crowd} families have returned to {town} since the {topic} began, officials in {place} said on {day}.
| {The_crowd} families return to {town}
| {Head} holds as families return to {town}
| Homecoming in {town} tests {topic}
A storm that cut off {town} for {the_few} days has put the {topic} in doubt, officials in {place} said on
   {day}.
| Storm cuts off {town}
| {Town} storm puts {topic} in doubt
| Help on its way to {town} after {the_few} days of storm
{Lead} flew to {place} on {day} to rescue the {topic}, {a_adj} task for even {a_adj} diplomat.
| {Lead_name} flies to {place} to save {topic}
| Last chance for {topic}, says {lead_name}
| {Dispute} dispute brings {lead_name} to {place}

detail:
The two sides still differ on {issue}, on {other_issue} and on who should {act} {thing}.
Aid for {count} people is waiting at {town}, {n} kilometres from the border with {other_town} in sight.
{Rival} left the room more than once on {yesterday}, and came back each time.
{Org} has offered {money} and {n} observers, on condition that {thing} are {act_ed}.
The text, {n} articles long, says {adj} things about {issue} and nothing about {other_issue}.
Roads to {town} and {other_town} reopened on {yesterday}, and {group} crossed {manner} in both directions.
Diplomats from {few} countries signed the {report}; others asked for time.
A second dispute, over {other_dispute} rights near {other_town}, was {manner} left for another day.

boast:
We did not agree on everything, but we agreed to meet again, and that is {a_adj} thing
The children of {town} will sleep at home tonight

doubt:
{A_head} on paper does not {act} {thing}
They want us to sign first and read later

view:
Both sides need the {head} more than they can admit, and both fear {issue}
In {since} it failed over {issue}; in {last_year}, over {other_issue}

background:
The {dispute} dispute began in {since}, when {group} near {other_town} were told to leave.
{Org}, set up in {the_since}, has settled {few} such quarrels and lost {few}.
""",
    "business": """
topic:
{goods} {head}

head=
deal merger takeover sale order expansion contract venture

lead_role=
chief_executive chairman founder finance_director managing_director

rival_role=
shareholder fund_manager union_official former_director rival_bidder supplier

expert_role=
analyst economist market_strategist business_historian credit_analyst

org_kind=
Group Holdings Industries Logistics Partners Foods Energy Materials Shipping Capital Brands Retail Mills
Packaging

issue=
inflation demand debt pay competition productivity pricing supply overcapacity insurance regulation taxation
recruitment pension_funding outsourcing automation oversupply speculation governance freight sickness_absence
exchange-rate_risk counterfeiting overstaffing red_tape late_payment licensing waste quality_control
price-cutting stock-keeping underinvestment brand_loyalty cash_flow interest disclosure succession

angle:
{Org} agreed {a_the_money} {topic} on {day}, {a_adj} bet on {place} at a time of worry about {issue}.
| {Org} agrees {the_money} {topic}
| {Org} bets on {goods} with {place} deal
| {Topic} takes {org} to {place}
Profit at {org} rose {the_pct} per cent in the last quarter, the company said on {day}, helped by {a_topic}
   in {place}.
| {Org} profit rises {the_pct} per cent
| {Goods} lifts profit at {org}
| {Org} beats forecasts despite {issue}
Shares in {org} fell {pct} per cent on {day} after {a_report} raised doubts about its {topic}.
| Shares in {org} fall on {topic} doubts
| {Org} {topic} in doubt
| {Lead_name} under pressure as {org} shares fall
{Org} will build {a_goods} plant near {place}, creating {the_crowd} jobs, the company said on {day}.
| {Org} to build {goods} plant near {place}
| {The_crowd} jobs for {place} in {goods} plan
| {Place} welcomes {org}
{Lead} told investors in {org} on {day} that the {topic} would be finished by {later}, {few} months late.
| {Org} {topic} to be late, says {lead_name}
| {Lead_name} asks {org} investors for patience
| {Issue} delays {topic} at {org}

detail:
Sales of {goods} rose {pct} per cent to {money}, while sales of {other_goods} fell {pct} per cent.
The shares closed at {n} dollars, {a_scale} move on {a_adj} day for the market.
{Org} has {count} staff in {place} and makes {goods} at {few} plants, the newest of them in {other_town}.
The company expects revenue of {money} this year, against {money} in {last_year}.
Debt stands at {money}, and {rival} wants it cut before the {head} goes ahead.
Orders for {goods} have been {quality} since {earlier}, with {scale} demand from {group}.
Forecasters had expected growth of {pct} per cent; {expert} called the outcome {quality}.
The {head} would give {org} about {n} per cent of the market for {goods}.
Makers of {other_goods} and {other_goods} have seen their own orders fall by {pct} per cent.
Its closest rival, {other_company}, makes {other_goods} in {other_town} and has made no secret of its
   interest.

boast:
We make {goods} that {group} want, and we make it in {place}
The order book is full until {later}

doubt:
You do not fix {issue} by buying somebody else's
At {money} they are paying twice what it is worth

view:
The market for {goods} grows by {pct} per cent in a good year, and this is not a good year
Margins in {goods} are thin, and {issue} will make them thinner
""",
}
