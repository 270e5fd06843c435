"""The words of the sample articles: a core of English, by meaning.

Contract: `WORDS` is in the notation of `grammar.py`: classes of words, the most frequent first, because a class is
drawn from by Zipf's law in the order written. The words of one class fit the same slot of a sentence. `issue`
and `force` are nouns that take a singular verb; `act` are verbs that take -ed and -ing as they stand or without
their last e.

Not here: sentences and how they are filled (`grammar.py`), names (`names.py`).
"""

WORDS = """
adj=
important serious difficult significant strong careful historic costly cautious ambitious practical sensible
bold modest decisive welcome overdue rare unusual promising credible useful risky controversial popular
lasting broad balanced generous dramatic demanding detailed determined disciplined distinct elaborate elegant
encouraging enduring essential exceptional expensive extraordinary flexible formal fruitful genuine hopeful
imaginative incremental independent informal innovative instructive intense intricate inventive laborious
limited logical meaningful measured memorable methodical notable novel orderly persuasive pivotal plausible
precise prudent puzzling quiet rational realistic reasonable refreshing remarkable resilient responsible
rigorous robust routine shrewd simple sober solid sophisticated speculative steady straightforward strategic
striking subtle successful surprising symbolic systematic tactful tentative thorough thoughtful timely
transparent trivial unconventional unexpected unprecedented untidy unwelcome urgent valuable versatile
workable worthwhile early daring honest

tone=
blunt cautious careful short firm frank dry guarded polite cool wry sharp gloomy cheerful weary hopeful stern
brisk sober playful mild bitter warm dignified grudging sceptical tart measured icy defiant laconic gracious
ironic thoughtful evasive sardonic mournful generous conciliatory noncommittal philosophical unflattering

scale=
sharp small slight steady modest marked large strong rapid steep sudden gradual notable substantial moderate
measurable considerable sizeable dramatic brief consistent unexpected appreciable abrupt uneven broad
continuous seasonal

mood=
worried hopeful cautious relieved angry optimistic sceptical divided confident wary anxious surprised pleased
uneasy frustrated grateful doubtful impatient calm disappointed enthusiastic reassured nervous resigned
delighted puzzled proud restless upbeat alarmed unconvinced encouraged weary thankful bemused hesitant
indignant defiant tearful thoughtful exhausted apprehensive philosophical dismayed startled

degree=
increasingly unusually widely particularly surprisingly broadly deeply largely remarkably fairly entirely
openly relatively reasonably genuinely noticeably visibly cautiously quietly fiercely profoundly steadily
stubbornly uncommonly acutely undeniably comparatively understandably

manner=
quickly quietly carefully slowly publicly privately repeatedly gradually briefly openly formally narrowly
promptly calmly firmly bluntly abruptly discreetly reluctantly patiently jointly cheerfully steadily politely
tirelessly hastily methodically sensibly deliberately thoroughly graciously unanimously swiftly vigorously
gently stubbornly anxiously willingly tactfully doggedly

issue=
safety funding transparency staffing security housing quality privacy pollution fairness energy access
training debt accountability competition waste noise overcrowding corruption maintenance congestion trust
investment productivity inflation immigration education fraud leadership governance independence discipline
reliability affordability accessibility biodiversity bureaucracy compensation complacency conservation
consultation coordination demand disclosure discrimination drainage efficiency eligibility enforcement ethics
favouritism flooding forecasting hygiene inequality infrastructure innovation insurance interference isolation
liability lighting literacy loneliness loyalty mismanagement mobility morale neglect nutrition outsourcing
oversight ownership parking planning poverty procurement profitability recruitment recycling redundancy
regulation representation resilience responsibility retention sanitation scheduling secrecy solvency
speculation sponsorship succession supervision supply sustainability taxation technology timing tourism trade
turnover unemployment vandalism volatility wellbeing pay transport welfare job_security pricing red_tape
absenteeism punctuality fatigue scarcity signposting subsidence truancy erosion

group=
workers families residents teachers voters students customers doctors farmers parents nurses commuters tenants
pensioners investors employers volunteers patients unions retailers visitors drivers young_people
small_businesses engineers scientists shopkeepers campaigners charities taxpayers neighbours local_officials
homeowners landlords passengers pupils managers suppliers critics supporters academics accountants actors
apprentices architects artists athletes auditors bakers bankers bookkeepers botanists brewers bricklayers
builders bus_drivers butchers caretakers carpenters cashiers chefs childminders civil_servants cleaners clerks
coaches conservationists consultants cooks councillors couriers craftspeople curators cyclists dairy_producers
dancers dentists designers diplomats dockers economists editors electricians exporters fire_crews
fishing_crews florists foresters foundations freelancers gardeners graduates grandparents growers guides
hauliers historians hoteliers importers innkeepers inspectors insurers interpreters inventors jewellers
joiners journalists judges lawyers lecturers librarians lifeguards locksmiths magistrates manufacturers
mechanics merchants midwives migrants miners musicians newcomers novelists opticians painters paramedics
pedestrians performers pharmacists photographers physicists pilots plasterers playwrights plumbers poets
porters potters printers probation_officers programmers publishers railway_staff ramblers receptionists
refugees restaurateurs retired_couples sailors school_leavers sculptors shareholders shepherds social_workers
software_developers solicitors statisticians surgeons surveyors tailors technicians tour_operators translators
trustees upholsterers veterans vets warehouse_staff weavers winemakers youth_workers zoologists

trade=
teacher nurse shopkeeper farmer student pensioner bus_driver electrician baker plumber carpenter gardener
engineer librarian taxi_driver chef mechanic postal_worker hairdresser builder cleaner waiter fisherman
pharmacist café_owner accountant decorator florist optician painter tailor butcher locksmith welder roofer
joiner dentist vet translator tour_guide lorry_driver dairy_farmer beekeeper brewer bookseller bricklayer
caretaker childminder cobbler cook courier cyclist dressmaker estate_agent fitter fruit_seller glazier
greengrocer grocer hotelier innkeeper jeweller landscaper lifeguard market_trader midwife milkman miller
musician newsagent paramedic photographer piano_tuner potter printer railway_guard receptionist restorer
sailor seamstress shepherd sign_writer stonemason street_vendor surveyor tattooist thatcher tree_surgeon tutor
undertaker upholsterer warehouse_worker watchmaker weaver window_cleaner

thing=
schools roads hospitals bridges homes railways libraries buses ports clinics parks factories stations ferries
playgrounds reservoirs warehouses archives allotments ambulances apartments aquariums archways barns barracks
barriers beaches beacons boats boilers breakwaters bus_shelters cables campuses canals car_parks carriages
cemeteries chapels chimneys classrooms colleges cottages courthouses cranes crossings culverts cycle_lanes
dams data_centres depots docks dormitories drains embankments escalators estates farms fences fire_stations
footbridges footpaths forests fountains galleries garages gardens gas_pipes granaries greenhouses gymnasiums
harbours heat_pumps hedgerows hostels hotels incinerators jetties junctions kitchens laboratories lifeboats
lifts lighthouses lock_gates market_halls masts mills monuments mosques museums nature_reserves nurseries
observatories offices orchards pavements pavilions piers pipelines plantations police_stations ponds
post_offices power_stations pumps quays quarries refineries reefs riverbanks roundabouts sawmills sea_walls
sewers shelters sidings signal_boxes silos sluices solar_farms sports_halls stables stadiums storerooms
street_lamps substations subways swimming_pools synagogues tankers telephone_lines temples theatres towpaths
tramlines transformers treatment_works tunnels turbines viaducts vineyards wards water_mains watermills wells
wetlands wind_farms woodlands workshops

act=
repair expand protect improve replace fund open modernise maintain inspect redesign upgrade preserve
restore renovate monitor convert extend audit subsidise privatise reopen refurbish relocate enlarge reinforce
secure adapt assess clean develop enhance overhaul promote reconfigure reconstruct register regulate
reinstate rejuvenate reorganise repurpose rescue revamp revive safeguard stabilise streamline survey
transform

scheme=
programme fund review plan scheme project partnership survey campaign strategy inquiry pilot_project
task_force timetable framework grant charter initiative levy trial network workshop hotline roadmap
consultation concession apprenticeship bursary code_of_conduct compact contingency_plan endowment exchange
forum guarantee helpline incentive index inventory loan_facility lottery moratorium panel pledge quota rebate
register relief_package retraining_course scholarship secretariat summit surcharge toolkit voucher watchlist

report=
report statement letter study review document survey memo speech briefing interview audit article newsletter
paper notice submission petition blog_post bulletin dossier essay leaflet note pamphlet presentation
questionnaire ruling summary testimony transcript factsheet green_paper white_paper forecast analysis
evaluation

body=
committee council board commission panel union watchdog tribunal trust coalition cooperative advisory_group
working_group delegation round_table study_group jury steering_group task_force gathering convention congress

venue=
town_hall station hospital market library harbour university courthouse theatre museum stadium main_square
city_hall conference_centre community_centre church_hall airport school old_factory cathedral ferry_terminal
exhibition_hall opera_house botanical_garden sports_centre railway_depot fish_market fire_station concert_hall
bus_depot castle customs_house corn_exchange observatory shipyard trade_hall waterworks guildhall brewery
assembly_rooms

force=
demand weather politics competition technology public_pressure inflation fashion geography bureaucracy climate
history caution arithmetic ambition goodwill exhaustion nostalgia curiosity optimism fatigue rivalry
impatience momentum luck necessity habit stubbornness tradition uncertainty pride regulation demography
mistrust inertia convenience generosity scarcity idealism cost

virtue=
patience trust courage honesty experience judgement discipline imagination common_sense teamwork humility
persistence clarity curiosity preparation goodwill stamina compromise attention_to_detail determination tact
luck resilience generosity scepticism consistency kindness ingenuity nerve precision

policy=
housing pension tax transport energy school health_care farming fisheries water rail childcare planning
policing immigration broadband harbour coastal forestry landlord parking tourism banking gambling insurance
electricity recycling airport lobbying voting citizenship courts prison charity broadcasting heritage
minimum_wage sick_pay parental_leave apprenticeship university research defence procurement customs shipping
trucking fuel tobacco alcohol sugar packaging pesticide animal_welfare hunting wildlife river flood sewage
noise clean_air carbon mining quarrying wind_power solar nuclear gas fire_safety building_standards leasehold
squatting adoption disability carers veterans youth_service library museum lottery sports_funding census
identity_card data_protection surveillance whistleblower freedom_of_information bankruptcy auditing
competition small_business freelancing zero-hours trade_union

goods=
steel food timber furniture coffee clothing packaging cement glass paper chocolate footwear wine cheese
seafood sugar fertiliser rice copper beer paint rubber aluminium lithium salt grain olive_oil bottled_water
ice_cream pet_food soap leather perfume porcelain scaffolding asphalt bamboo bread brass bronze butter candy
canvas carbon_fibre cardboard ceramic_tile charcoal cider cocoa cork cotton cutlery denim fabric
farm_machinery flour fruit_juice gravel hardwood hay honey insulation ironware jam kitchenware lace linen
lubricant luggage malt marble milk mustard natural_gas nylon pasta peat pewter plaster plastic plywood pottery
resin roofing sailcloth sheet_metal silk silverware slate software sportswear stationery tea tinplate tobacco
titanium tomato_sauce upholstery varnish vinegar wallpaper whisky wool yarn yoghurt zinc

creature=
bats bees salmon eels owls seals whales oak_trees ants frogs songbirds mosquitoes deer otters coral seagrass
moths butterflies herons cod lichens mosses beetles dragonflies wolves bears hedgehogs badgers swifts swallows
storks cranes geese puffins gulls terns albatrosses penguins turtles tortoises lizards newts salamanders toads
snails slugs mussels oysters crabs lobsters shrimp squid octopuses jellyfish starfish sponges plankton kelp
sharks rays tuna herring mackerel sturgeon trout pike carp dolphins porpoises walruses beavers voles shrews
squirrels foxes lynxes bison elk reindeer camels elephants giraffes zebras antelopes gorillas lemurs parrots
hornbills vultures falcons kestrels sparrows finches crickets grasshoppers cicadas spiders scorpions
earthworms ferns orchids mangroves bamboo baobabs

matter=
memory sleep soil glaciers dark_matter proteins magnetism ocean_currents volcanoes lightning plastics
antibodies enzymes fossils earthquakes gravity neutrinos sediment rainfall permafrost starlight asteroids
comets auroras craters cosmic_rays crystals superconductors lasers catalysts pigments viruses bacteria fungi
spores pollen photosynthesis fermentation hibernation migration echolocation hearing eyesight balance language
birdsong handwriting tooth_enamel bone cartilage muscle skin hormones metabolism ageing inflammation genes
chromosomes mutations microbes groundwater aquifers tides river_deltas sand_dunes clouds aerosols ozone
methane peat charcoal obsidian amber meteorites moon_dust

ailment=
asthma diabetes malaria heart_disease arthritis depression measles stroke migraine insomnia tuberculosis
dementia high_blood_pressure back_pain hay_fever kidney_disease epilepsy hepatitis cholera anaemia eczema
glaucoma psoriasis pneumonia influenza obesity osteoporosis tinnitus vertigo bronchitis shingles sepsis
sciatica rickets scurvy dengue_fever typhoid whooping_cough tonsillitis gout hearing_loss short_sightedness
chronic_fatigue coeliac_disease sickle-cell_disease cystic_fibrosis multiple_sclerosis motor_neurone_disease
sleep_apnoea concussion frostbite heatstroke snakebite lead_poisoning nut_allergy

remedy=
vaccine tablet inhaler therapy injection patch diet exercise_course implant antibiotic nasal_spray ointment
hearing_aid infusion wristband counselling_course breathing_technique skin_cream eye_drop gene_therapy
antibody nerve_stimulator physiotherapy_course vitamin_supplement breathing_aid syrup knee_brace light_therapy

gadget=
phone laptop chip camera app search_engine battery robot translation_tool smart_meter headset drone satellite
payment_system browser messaging_service map tablet sensor chatbot keyboard wristwatch thermostat
delivery_robot charging_station ticketing_system hearing_device video_platform backup_service cash_machine
spreadsheet operating_system router loudspeaker e-reader scanner password_manager weather_model
speech_recogniser image_library recipe_site route_planner calendar tutoring_tool bookkeeping_package
parking_meter lock vending_machine

artform=
photography painting sculpture poetry film theatre ballet opera jazz folk_music ceramics architecture dance
comedy portraiture printmaking puppetry animation chamber_music embroidery glass-making radio_drama street_art
design documentary fashion choral_music calligraphy woodcut illustration tapestry silent_film circus cabaret
mime electronic_music bookbinding storytelling metalwork mosaic marionette brass-band_music landscape_painting
glass_painting

subject=
memory exile childhood the_sea migration love war family work silence ageing friendship faith money grief
nature home the_night winter revenge forgiveness loneliness hunger ambition mothers_and_daughters
fathers_and_sons small_towns rivers borders sleep gardens railways ghosts luck weather obsession betrayal
language machines the_body city_life village_life drought harvests fishing storms shipwrecks mountains maps
letters hotels waiting kitchens lost_cities birds horses clocks mirrors jealousy boredom laughter inheritance
islands factories strikes first_love old_age

dispute=
border fishing water trade prisoner refugee grain energy pipeline debt arms shipping climate customs mineral
visa airspace dam railway island sanctions extradition aid election tariff telecoms timber river
harbour election-monitoring landmine nuclear-inspection piracy wheat rice fertiliser gas electricity
broadcasting migration vaccine cultural-heritage satellite
"""
