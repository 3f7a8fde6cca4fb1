"""Which drawings are worth learning from, and what they are called: choices by hand, as plain data.

Left out everywhere: brands and persons that exist, flags, lettering, weapons, tobacco, skin-tone variants.
"""

import re

#: Categories whose members are concrete things; the other categories give only the names listed in EXTRA.
CATEGORIES = ("Activities", "Animals & Nature", "Food & Drink", "Objects", "Travel & Places")
EXTRA = (
    "robot ghost skull alien brain eye ear nose tooth bone lungs anatomical-heart footprints handshake red-heart "
    "broken-heart thought-balloon speech-balloon bomb collision dashing-away clapping-hands "
    "folded-hands flexed-biceps waving-hand thumbs-up busts-in-silhouette family baby child person teacher scientist "
    "health-worker farmer cook mechanic factory-worker office-worker artist astronaut firefighter judge student "
    "technologist singer pilot detective guard construction-worker ninja superhero mage merperson zombie "
    "person-running person-walking person-biking person-swimming person-surfing person-climbing "
    "person-in-lotus-position person-juggling recycling-symbol warning atom-symbol"
).split()
#: Icons8's flat colour icons. Icon -> concept.
FLAT_COLOR = {
    "binoculars": "binoculars", "calculator": "calculator", "circuit": "circuit", "dam": "dam",
    "database": "database", "diploma-1": "diploma", "electrical-sensor": "electrical sensor",
    "flow-chart": "flow chart", "icons8-cup": "mug", "line-chart": "line chart",
    "mind-map": "mind map", "pie-chart": "pie chart", "podium-with-speaker": "speaker at a podium",
     "safe": "safe", "sim-card-chip": "chip", "survey": "survey",
    "todo-list": "checklist", "tree-structure": "hierarchy", "video-projector": "video projector", "webcam": "webcam",
    "workflow": "workflow", "electronics": "electronics", "engineering": "engineering", "library": "library",
}  # fmt: skip

#: Dropped: clock faces and moon phases that differ by a hand, lettering, flags, religion as decoration, weapons
#: and tobacco, and near-doubles of a concept that is kept under its plainer name.
DROPPED = re.compile(
    r"-oclock$|-thirty$|skin-tone|(light|medium|dark)-skin|-quarter-moon|gibbous|waning|new-moon|moon-face|"
    r"^(1st|2nd|3rd)-place|-suit$|globe-showing-(asia|europe)|globe-with-mer|japanese-(castle|post|dolls)|tokyo-tower|"
    r"map-of-japan|with-(raised|lowered)-flag|^oncoming-|-beer-mugs$|banknote$|with-yen|cigarette|coffin|dagger|"
    r"water-pistol|crossed-swords|love-hotel|^joker$|flower-playing|hanafuda|mahjong|red-envelope|tanabata|"
    r"moon-viewing|kaaba|shinto|hindu-temple|prayer-beads|hamsa|nazar|diya|funeral|ballot-box-with-ballot|"
    r"tear-off|pager|fax|bikini|briefs|swimsuit|sandal|ballet|womans-(hat|boot)|kimono|sari|geta|"
    r"(sun|cloud)-(behind|with-snow|with-rain|with-lightning$)|sun-with|night-with|bridge-at|at-dusk|sunrise$|"
    r"speaker-(low|medium)|muted|postal-horn|^(green|orange|blue)-book|closed-book|locked-with|inbox|outbox|"
    r"envelope-with|incoming|e-mail|mobile-phone-with|open-file|card-index-d|bookmark-tabs|page-with-curl|"
    r"front-facing|-arrival|-departure|tram-car|light-rail|metro|high-speed|monorail|minibus|mountain-railway|"
    r"suspension-railway|railway-car|umbrella-(on|with)|closed-umbrella|^(dog|cat|cow|horse|rabbit|mouse|tiger|pig|"
    r"monkey|dragon)$|guide-dog|service-dog|poodle|black-cat|blackbird|ewe$|ram$|rosette|white-flower|wilted|"
    r"sake|tangerine|roasted|oden|dango|mate$|moon-cake|fish-cake|tamale|stuffed|flatbread|rice-cracker|cut-of|"
    r"magnifying-glass-tilted-right|tilted-left-?$^|videocassette|trackball|long-drum|hook$|moai|barber|placard|"
    r"hot-springs|passenger-ship|without-snow|foggy|cyclone|fog$|bellhop|department-store|convenience|artic|"
    r"mountain-cableway|aerial|lacrosse|field-hockey|rugby|softball|nesting|carp|pine-dec|piata|level-slider|identification"
)
#: Plainer names for what the sets call otherwise.
RENAMED = {
    "dog face": "dog", "cat face": "cat", "cow face": "cow", "horse face": "horse", "rabbit face": "rabbit",
    "mouse face": "mouse", "tiger face": "tiger", "pig face": "pig", "monkey face": "monkey", "dragon face": "dragon",
    "honeybee": "bee", "automobile": "car", "magnifying glass tilted left": "magnifying glass",
    "deciduous tree": "tree", "evergreen tree": "pine tree", "red apple": "apple", "hot beverage": "cup of coffee",
    "globe showing americas": "globe", "anatomical heart": "human heart", "red heart": "heart",
    "hourglass done": "hourglass", "spouting whale": "whale", "lady beetle": "ladybug",
    "high voltage": "lightning bolt",
    "chart increasing": "rising chart", "chart decreasing": "falling chart", "desktop computer": "computer",
    "wrapped gift": "gift", "bullseye": "target", "mantelpiece clock": "clock", "sport utility vehicle": "jeep",
    "office building": "office tower", "performing arts": "theatre masks", "busts in silhouette": "crowd",
    "ringed planet": "planet", "water wave": "wave", "building construction": "construction site",
    "motorized wheelchair": "wheelchair", "front facing baby chick": "chick", "locked": "padlock",
    "cityscape": "city",

    "books": "stack of books", "fork and knife with plate": "plate with cutlery", "t rex": "dinosaur",
    "ear of corn": "corn", "sheaf of rice": "wheat",
    "two hump camel": "bactrian camel", "manual wheelchair": "hand wheelchair", "classical building": "temple",
    "rescue workers helmet": "hard hat",
    "wastebasket": "waste bin", "couch and lamp": "sofa", "memo": "note and pencil",
    "person biking": "cyclist",
    "person running": "runner", "person swimming": "swimmer", "thought balloon": "thought bubble",
    "speech balloon": "speech bubble", "satellite antenna": "satellite dish",
}  # fmt: skip

#: Feelings, gestures, people and signs that talks need and that the categories above leave out.
FEELINGS = (
    "thinking-face exploding-head sleeping-face face-with-thermometer face-with-head-bandage face-with-medical-mask "
    "hugging-face nerd-face angry-face crying-face smiling-face-with-sunglasses star-struck worried-face "
    "zipper-mouth-face shushing-face face-screaming-in-fear grinning-face confused-face money-mouth-face partying-face "
    "yawning-face cold-face hot-face clown-face raised-hand raised-fist writing-hand ok-hand victory-hand "
    "crossed-fingers pinching-hand palms-up-together open-hands index-pointing-up thumbs-down mechanical-arm foot leg "
    "mouth tongue eyes speaking-head selfie beating-heart mending-heart heart-on-fire bust-in-silhouette "
    "people-hugging "
    "person-in-bed person-lifting-weights person-raising-hand person-shrugging person-bowing person-facepalming "
    "person-getting-massage person-with-white-cane person-wrestling person-fencing person-golfing person-rowing-boat "
    "person-mountain-biking skier snowboarder pregnant-woman old-man old-woman boy girl man woman "
    "police-officer prince princess check-mark-button cross-mark red-question-mark red-exclamation-mark biohazard "
    "radioactive peace-symbol antenna-bars infinity plus clockwise-vertical-arrows check-box-with-check up-arrow "
    "right-arrow prohibited no-entry play-button currency-exchange heavy-dollar-sign name-badge "
    "ballot-box-with-ballot open-file-folder card-index-dividers inbox-tray envelope-with-arrow carpentry-saw "
    "level-slider identification-card placard dollar-banknote hook chequered-flag triangular-flag bridge-at-night "
    "cityscape-at-dusk sunrise metro tram mountain-railway mountain-cableway cyclone cloud-with-rain cloud-with-snow "
    "sun-behind-cloud department-store passenger-ship airplane-departure airplane-arrival hole nesting-dolls"
).split()

#: Streamline Kameleon: flat drawings on a coloured disc, which is taken away. Icon -> concept.
KAMELEON = {
    "aid-kit": "first aid kit", "airdrop-box": "air drop", "antenna": "antenna", "anvil": "anvil",
    "apartment-2": "apartment building", "article-file-2": "document", "baby-cart": "baby carriage", "bank": "bank",
    "battery-medium": "battery", "bomb": "bomb", "box-open": "open box", "box-trolley": "hand truck",
    "briefcase": "briefcase", "bullhorn": "megaphone", "businessman-globe": "global business", "cable-car": "cable car",
    "car-list": "car inspection", "cart": "shopping cart", "chalkboard": "chalkboard", "chart-pie": "pie chart",
    "christmas-tree": "christmas tree", "clipboard-2": "clipboard", "cocktail": "cocktail glass",
    "construction-blueprint": "blueprint", "conversion": "money exchange", "coupons": "coupons",
    "crosshair": "crosshair", "dartboard": "target", "data-transfer": "data transfer",
    "databse-network": "computer network", "delivery": "delivery truck", "dices": "dice",
    "download-cloud": "cloud storage", "drakkar": "viking ship", "drawer-2": "chest of drawers", "drum": "drum",
    "education-globe": "school globe", "excavator": "excavator", "farm": "field", "filter": "funnel",
    "fireman-2": "firefighter", "graph-magnifier": "data analysis", "grinder": "mortar", "hammer": "hammer",
    "harp": "harp", "headset-2": "mind", "house-location": "real estate", "image-file": "image file",
    "joystick": "receptionist desk", "keyboard": "music keyboard", "lamp": "desk lamp", "lockers": "travel key",
    "luggage-cart": "luggage cart", "magic-wand": "magic wand", "map": "route map", "map-pin": "map pin",
    "medicine": "medicine bottle", "meteor": "meteor", "microwave": "microwave oven", "money-atm": "cash machine",
    "money-graph": "stock chart", "money-letter": "salary", "mountain": "mountain",
    "nuclear-mushroom": "crossroads sign",
    "oven-glove": "oven glove", "oxygen-tank": "oxygen tank", "pencil-ruler-2": "pencil and ruler",
    "plug": "wall socket",
    "podium": "winners podium", "pointer": "paper plane", "power": "power switch", "prism-2": "crystal",
    "quill-paper": "quill and paper", "receptionist": "reception desk", "reindeer": "reindeer",
    "scale-weight": "kitchen scale", "script-paper": "long list", "sea": "sunset", "servers": "server rack",
    "service-bell": "service bell", "skate": "ice skate", "smartphone-rotate": "tablet and phone",
    "soccer-field": "football field", "soldier": "soldier", "space-shuttle": "space shuttle",
    "speaker": "wireless signal",
    "sprout": "hand with a seedling", "stamp-paper": "stamped document", "steering-wheel": "steering wheel",
    "telemarketer-woman": "call center agent", "test-tube": "chemistry flask", "theater": "theatre stage",
    "towel": "clothes hanger", "transfer-cloud": "cloud computing", "truck-front": "truck", "vespa": "scooter",
    "wallet": "wallet", "webcam": "webcam", "wind-flag": "windsock", "wind-vane": "weather vane",
    "wind-wheel": "wind turbine", "windows-coding": "source code", "wrench-2": "wrench", "yacht": "yacht",
}  # fmt: skip

#: Streamline Ultimate, outlined and coloured. Icon -> concept.
ULTIMATE = {
    "board-game-jenga": "wobbly tower of blocks", "module-puzzle": "puzzle", "maze-strategy": "maze",
    "natural-disaster-earthquake": "earthquake", "natural-disaster-flood": "flood wave",
    "microchip-board": "circuit board",
    "router-signal": "router", "server-server-exchange": "data exchange", "network": "network",
    "browser-page-layout": "website", "app-window-code": "software", "analytics-board-graph-line": "dashboard",
    "presentation-projector-screen-budget-analytics": "presentation", "presentation-audience": "lecture audience",
    "team-meeting": "meeting", "business-contract-give": "contract",
    "business-big-small-fish": "big fish and small fish",
    "business-rabbit-hat-1": "rabbit in a hat", "saving-money-flower": "investment",
    "gold-bars": "gold bars", "insurance-hand": "health care", "human-resources-hierarchy-1": "organization chart",
    "idea-strategy": "strategy", "optimization-graph": "optimization", "cog-hand-give-1": "technical service",
    "lab-flask-experiment": "experiment", "lab-tube": "test tube",
    "transfusion-bag-hang": "blood bag",
    "dentistry-tooth-chipped": "broken tooth", "medical-instrument-ambulance-bed": "stretcher",
    "medical-instrument-scalpel": "scalpel", "medical-instrument-walking-aid": "walking frame",
    "pregnancy-ultrasound-baby": "ultrasound scan", "drugs-sheet": "blister pack", "bandage-leg": "bandaged leg",
    "yoga-meditate": "meditation", "fitness-bicycle-1": "exercise bike", "stove-gas-pot": "pot on a stove",
    "warehouse-storage-2": "warehouse", "warehouse-cart-packages-2": "pallet of packages",
    "shipment-cargo-boat": "cargo ship", "delivery-drone": "drone", "water-dam": "power plant",
    "water-fountain-jet": "running tap", "road-straight": "straight road", "road-tunnel": "tunnel",
    "stairs-descend": "stairs", "escalator-descend": "escalator", "lift-1": "elevator", "trip-road-1": "road trip",
    "treasure-chest": "treasure chest", "gauge-dashboard": "gauge", "car-repair-engine": "car breakdown",
    "hierarchy": "tree diagram", "layers-stacked": "layers", "lock-shield": "security", "shield-check-1": "protection",
    "keyhole-square": "keyhole", "link-broken-1": "broken link", "hard-drive-1": "hard drive",
    "flash-drive": "flash drive", "ethernet-port": "network socket", "usb-cable": "cable",
    "electronics-fuse": "fuse", "electronics-led-light": "indicator light",
    "charging-battery-empty": "empty battery", "content-typing-machine-1": "typewriter",
    "vinyl-record-player": "record player", "office-desk-1": "desk", "office-chair": "office chair",
    "office-shredder-1": "paper shredder", "accounting-bill-stack-1": "stack of bills", "cash-briefcase": "funding",
    "farmers-market-kiosk-1": "market stall", "e-commerce-touch-buy": "online shop",
    "rating-star-three": "rating", "question-help-message": "question", "contactless-payment": "card payment",
    "scanner": "scanner", "real-estate-deal-shake-building": "business deal", "house-chimney": "village house",
    "public-service-firefighter-truck-1": "fire truck", "safety-float": "life belt",
    "space-rocket-earth": "space travel",
    "analytics-mountain": "distribution curve", "design-tool-compass": "drawing compass",
    "design-drawing-board": "drawing board", "programming-hold-code-2": "programming",
    "smart-watch-square": "smart watch",
    "tablet": "tablet computer", "touch-id": "fingerprint", "barbecue-grill": "barbecue",
    "concert-dj": "disc jockey", "night-club-disco-ball": "disco ball", "toilet-seat": "toilet seat",
    "cloud-warning": "cloud warning", "monitor-bug": "software bug",
    "monitor-heart-beat": "heart monitor", "trends-torch": "torch", "study-exam-math": "mathematics",
    "circus-tent": "circus", "circus-elephant": "circus elephant", "wine-barrel-1": "barrel",
    "shopping-basket-3": "shopping basket", "receipt-dollar": "invoice", "task-list-to-do": "agenda",
    "seo-search-graph": "search results", "performance-increase": "performance",
    "multiple-users-network": "social network", "messages-people-user-bubble-circle": "conversation",
    "human-resources-search-men": "job interview", "job-seach-woman": "job search",
    "earth-pin-2": "travel destination", "earth-cash": "world economy",
    "strategy-split": "fork in the road", "medical-specialty-back": "back pain", "medical-specialty-knee-1": "knee",
    "single-neutral-monitor": "online profile", "single-man-actions-video": "video call",
}  # fmt: skip
